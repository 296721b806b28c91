"""Webhooks: told of what happened whichever door it came through, signed, tried again, given up visibly."""

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from labeling.api.models import Webhook, WebhookDelivery
from labeling.api.services.webhooks import TRY_AGAIN_AFTER, deliver_due
from labeling.base.states import DeliveryState, ModelKind, PolicyStage, WebhookEvent
from labeling.evaluations.services.running import stop_evaluation
from labeling.model_versions.services.promotion import promote
from labeling.models import Campaign, Evaluation
from labeling.policies.services.requesting import request_policy_run
from labeling.training.services.requesting import request_retraining
from labeling.training.services.runs import fail_run
from tests.labeling.admin_cast import admin_browser, model_in, snapshot_in, texts_of
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db

JSON = "application/json"


class Receiver(HTTPServer):
    """Keeps what it is told, and answers with `status`."""

    status = 204

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Told)
        self.told: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/told"


class Told(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def hook(url: str, *events: WebhookEvent) -> Webhook:
    return Webhook.objects.create(url=url, events=list(events or WebhookEvent))


def hand_in() -> int:
    make_ready_task(make_prompt(make_campaign()))
    return rank(make_labeler("alice"), [1, 2, 3, 4]).pk


def later(delivery: WebhookDelivery) -> None:
    """Its next attempt is due."""
    WebhookDelivery.objects.filter(pk=delivery.pk).update(next_try_at=timezone.now())


def test_each_event_is_told_once_with_ids_and_no_texts(receiver: Receiver, tmp_path: Path) -> None:
    hook(receiver.url)
    ranking = hand_in()
    snapshot = snapshot_in(tmp_path / "snapshot")
    version = model_in(tmp_path / "tiny", kind=ModelKind.SFT)
    promote(version=version, reason="It is good.")
    run = request_retraining(trigger="manual")
    fail_run(run=run, reason="No GPU.")
    policy_run = request_policy_run(stage=PolicyStage.SFT)
    fail_run(run=policy_run, reason="No disk.")
    evaluation = Evaluation.objects.create(
        name="Mine", source=Campaign.objects.get(), candidate=version, demonstrations=True, size=10
    )
    stop_evaluation(evaluation=evaluation, reason="Alice asked for it.")
    assert deliver_due() == 6
    assert deliver_due() == 0
    told = [json.loads(body) for _headers, body in receiver.told]
    assert [(each["type"], each["data"]["id"]) for each in told] == [
        ("ranking.submitted", ranking),
        ("snapshot.created", snapshot.pk),
        ("model.promoted", version.pk),
        ("training_run.ended", run.pk),
        ("policy_run.ended", policy_run.pk),
        ("evaluation.ended", evaluation.pk),
    ]
    assert told[0]["data"]["labeler"].startswith("L")
    assert told[3]["data"]["failure"] == "No GPU."
    assert (told[4]["data"]["stage"], told[4]["data"]["failure"]) == ("sft", "No disk.")
    assert (told[5]["data"]["state"], told[5]["data"]["candidate"]) == ("stopped", version.pk)
    assert "alice" not in str(told)
    assert "blue" not in str(told)
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_what_is_told_is_signed_as_the_specification_says(receiver: Receiver) -> None:
    webhook = hook(receiver.url)
    hand_in()
    deliver_due()
    ((headers, body),) = receiver.told
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = b64decode(webhook.secret.removeprefix("whsec_"))
    expected = b64encode(hmac.new(key, signed, sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60


def test_only_events_that_were_asked_for_and_only_while_it_is_on(receiver: Receiver) -> None:
    hook(receiver.url, WebhookEvent.MODEL_PROMOTED)
    off = hook(receiver.url)
    hand_in()
    Webhook.objects.filter(pk=off.pk).update(active=False)
    assert deliver_due() == 0
    assert receiver.told == []
    assert WebhookDelivery.objects.get().answer == "The webhook was switched off."


def test_nothing_is_told_of_what_was_rolled_back(receiver: Receiver) -> None:
    from django.db import transaction

    hook(receiver.url)
    with transaction.atomic():
        hand_in()
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize("status", [500, 302, 404])
def test_a_receiver_that_does_not_take_it_is_asked_again_with_the_same_id(status: int, receiver: Receiver) -> None:
    hook(receiver.url)
    hand_in()
    receiver.status = status
    assert deliver_due() == 0
    assert deliver_due() == 0  # not at once
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.answer) == ("waiting", 1, f"HTTP {status}")
    assert timedelta(seconds=50) < delivery.next_try_at - timezone.now() <= TRY_AGAIN_AFTER[0]
    receiver.status = 200
    later(delivery)
    assert deliver_due() == 1
    assert len({headers["webhook-id"] for headers, _body in receiver.told}) == 1


def test_after_three_days_it_is_given_up_visibly_and_sent_once_more_by_hand(receiver: Receiver) -> None:
    hook(receiver.url)
    hand_in()
    receiver.status = 503
    for _ in range(len(TRY_AGAIN_AFTER) + 1):
        later(WebhookDelivery.objects.get())
        deliver_due()
    failed = WebhookDelivery.objects.get()
    assert (failed.state, failed.answer) == (DeliveryState.FAILED, "HTTP 503")
    assert sum(TRY_AGAIN_AFTER, timedelta()) > timedelta(days=3)
    olga = admin_browser()
    assert "HTTP 503" in olga.get("/admin/labeling/webhookdelivery/").text
    olga.post(f"/admin/labeling/webhookdelivery/{failed.pk}/send_once_more/")
    receiver.status = 200
    assert deliver_due() == 1


def test_one_that_cannot_be_reached_does_not_hold_up_the_others(receiver: Receiver) -> None:
    for _ in range(2):
        hook("http://127.0.0.1:1/nobody")
    hook(receiver.url)
    hand_in()
    assert deliver_due() == 1
    nowhere = WebhookDelivery.objects.filter(state="waiting")
    assert {(each.attempts, "refused" in each.answer) for each in nowhere} == {(1, True)}


def test_programs_set_them_up_see_the_secret_once_and_remove_them(program: Client) -> None:
    sent = {"url": "https://example.org/hook", "events": ["ranking.submitted"]}
    made = program.post("/api/v1/webhooks/", sent, JSON)
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    address = f"/api/v1/webhooks/{made.json()['id']}/"
    assert "secret" not in program.get(address).json()
    assert program.patch(address, {"active": False}, JSON).json()["active"] is False
    assert program.get(f"{address}deliveries/").json()["results"] == []
    bad: dict[str, Any]
    for bad in ({"url": "ftp://example.org"}, {"events": ["nothing"]}, {"events": []}, {"evnts": []}):
        assert program.patch(address, bad, JSON).status_code == 400
    assert program.delete(address).status_code == 204
    assert program.get(address).status_code == 404


def test_the_admin_sets_one_up_and_shows_its_secret_once() -> None:
    olga = admin_browser()
    sent = {"url": "https://example.org/hook", "events": ["model.promoted", "snapshot.created"], "active": "on"}
    made = olga.post("/admin/labeling/webhook/add/", sent, follow=True)
    webhook = Webhook.objects.get()
    assert webhook.secret in " ".join(texts_of(made))
    assert webhook.created_by is not None
    listed = olga.get("/admin/labeling/webhook/").text
    assert "model.promoted, snapshot.created" in listed
    assert webhook.secret not in olga.get(f"/admin/labeling/webhook/{webhook.pk}/change/").text
