"""Requests that are sent again because their answer got lost: answered once, and the same again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from labeling.api.models import IdempotentRequest
from labeling.base.refusals import KeyInUse, KeyReused

KEPT = timedelta(days=1)
ABANDONED_AFTER = timedelta(minutes=15)
"""Whoever answered it for this long was killed; it may be tried again."""

Answer = tuple[int, Any]
"""An HTTP status, and what is answered as JSON."""


def answer_once(*, user: User, key: str, fingerprint: str, work: Callable[[], Answer]) -> tuple[Answer, bool]:
    """What `work` answers, or what it answered to the same request before (True).

    What `work` raises is raised, and nothing is kept, so that a refused request may be mended and sent again under its
    key. What was done and that it was answered are stored together.

    Raises KeyReused: the key came with another request before; KeyInUse: that request is being answered now.
    """
    now = timezone.now()
    IdempotentRequest.objects.filter(status=None, began_at__lt=now - ABANDONED_AFTER).delete()
    row, is_new = IdempotentRequest.objects.get_or_create(user=user, key=key, defaults={"fingerprint": fingerprint})
    if not is_new:
        if row.fingerprint != fingerprint:
            raise KeyReused("This Idempotency-Key came with another request before. Take a new key for each request.")
        if row.status is None:
            raise KeyInUse("The request with this Idempotency-Key is being answered right now. Ask again in a moment.")
        return (row.status, row.answer), True
    try:
        with transaction.atomic():
            status, answer = work()
            IdempotentRequest.objects.filter(pk=row.pk).update(status=status, answer=answer)
    except BaseException:
        IdempotentRequest.objects.filter(pk=row.pk).delete()
        raise
    return (status, answer), False


def forget_old_requests() -> None:
    IdempotentRequest.objects.filter(began_at__lt=timezone.now() - KEPT).delete()
