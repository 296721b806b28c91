"""Events told to webhooks: each signed, tried again for three days, at least once (receivers know it by webhook-id).

The format is that of Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks), for which there are
libraries in most languages.
"""

import hmac
import json
import time
import urllib.error
import urllib.request
from base64 import b64decode, b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from http.client import HTTPException
from typing import TypedDict

from django.db.models import F
from django.utils import timezone

from labeling.api.models import WebhookDelivery
from labeling.api.queries import event_data
from labeling.base.states import DeliveryState, WebhookEvent
from lm.snapshot.manifest import utc_text

PATIENCE_SECONDS = 5.0
ROUND_SECONDS = 20.0
"""Beat's light worker does nothing else meanwhile; what is left waits for the next round."""
AT_ONCE = 200
CLAIMED_FOR = timedelta(minutes=2)
"""A worker that was killed in the middle of an attempt is made up for after this long."""
TRY_AGAIN_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 300, 600, 840, 1200, 1440))
"""After each failed attempt; then it is given up. As others do it (Svix), so that a weekend's outage loses nothing."""
KEPT = timedelta(days=30)


class Message(TypedDict):
    type: str
    timestamp: str
    data: dict[str, object]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would send a signed event to an address that nobody entered."""

    def redirect_request(self, *_args: object, **_options: object) -> None:
        return None


OPENER = urllib.request.build_opener(_NoRedirect)


def deliver_due() -> int:
    """Makes one attempt at each delivery that is due, oldest first. Returns how many arrived.

    A webhook that can't be reached is not asked again in the same round.
    """
    until, unreachable, arrived = time.monotonic() + ROUND_SECONDS, set[int](), 0
    due = WebhookDelivery.objects.filter(state=DeliveryState.WAITING, next_try_at__lte=timezone.now())
    for pk in list(due.order_by("next_try_at", "pk").values_list("pk", flat=True)[:AT_ONCE]):
        if time.monotonic() > until:
            break
        delivery = _claim(pk, unreachable)
        if delivery is None:
            continue
        try:
            status = _post(delivery)
        except (OSError, ValueError, HTTPException) as failure:  # no answer, or none in HTTP
            unreachable.add(delivery.webhook_id)
            _try_again(delivery, f"{type(failure).__name__}: {failure}")
            continue
        if 200 <= status < 300:
            delivery.move(to=DeliveryState.DELIVERED, answer=f"HTTP {status}", finished_at=timezone.now())
            arrived += 1
        else:
            _try_again(delivery, f"HTTP {status}")
    return arrived


def _claim(pk: int, unreachable: set[int]) -> WebhookDelivery | None:
    """The delivery with its webhook, for this worker alone; None where another has it or there is no use in trying."""
    now = timezone.now()
    waiting = WebhookDelivery.objects.filter(pk=pk, state=DeliveryState.WAITING, next_try_at__lte=now)
    delivery = waiting.select_related("webhook").first()
    if delivery is None or delivery.webhook_id in unreachable:
        return None
    if not delivery.webhook.active:
        delivery.move(to=DeliveryState.FAILED, answer="The webhook was switched off.", finished_at=now)
        return None
    claimed = waiting.update(next_try_at=now + CLAIMED_FOR, attempts=F("attempts") + 1)
    delivery.attempts += 1
    return delivery if claimed else None


def _post(delivery: WebhookDelivery) -> int:
    """The HTTP status of the answer."""
    body = message_of(delivery)
    request = urllib.request.Request(  # noqa: S310  (the model allows http and https only)
        delivery.webhook.url, data=body, headers=headers_of(delivery, body, at=timezone.now()), method="POST"
    )
    try:
        with OPENER.open(request, timeout=PATIENCE_SECONDS) as response:
            return int(response.status)
    except urllib.error.HTTPError as answered:
        return answered.code


def message_of(delivery: WebhookDelivery) -> bytes:
    data = event_data(WebhookEvent(delivery.event), delivery.subject)
    message = Message(type=delivery.event, timestamp=utc_text(delivery.happened_at), data=data)
    return json.dumps(message, ensure_ascii=False).encode()


def headers_of(delivery: WebhookDelivery, body: bytes, *, at: datetime) -> dict[str, str]:
    """The signature is over webhook-id, webhook-timestamp and the body, so that neither can be taken for another."""
    moment = str(int(at.timestamp()))
    return {
        "Content-Type": "application/json",
        "User-Agent": "Concord",
        "webhook-id": str(delivery.token),
        "webhook-timestamp": moment,
        "webhook-signature": signature(delivery.webhook.secret, f"{delivery.token}.{moment}.".encode() + body),
    }


def signature(secret: str, signed: bytes) -> str:
    key = b64decode(secret.removeprefix("whsec_"))
    return "v1," + b64encode(hmac.new(key, signed, sha256).digest()).decode()


def _try_again(delivery: WebhookDelivery, answer: str) -> None:
    if delivery.attempts > len(TRY_AGAIN_AFTER):
        delivery.move(to=DeliveryState.FAILED, answer=answer[:300], finished_at=timezone.now())
        return
    later = timezone.now() + TRY_AGAIN_AFTER[delivery.attempts - 1]
    WebhookDelivery.objects.filter(pk=delivery.pk).update(next_try_at=later, answer=answer[:300])


def send_again(delivery: WebhookDelivery) -> None:
    """Tells the webhook of the same event once more, as a new delivery."""
    WebhookDelivery.objects.create(
        webhook=delivery.webhook,
        event=delivery.event,
        subject=delivery.subject,
        happened_at=delivery.happened_at,
        next_try_at=timezone.now(),
    )


def forget_old_deliveries() -> None:
    WebhookDelivery.objects.filter(finished_at__lt=timezone.now() - KEPT).delete()
