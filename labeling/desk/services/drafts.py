"""What drafts of handed-out work and of a labeler's own writing have in common: versions, and the way back to them."""

from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from labeling.base.refusals import DraftConflict
from labeling.desk.models import EarlierDraft
from labeling.desk.rules.drafts import Draft, as_lists, is_loss
from labeling.people.models import Labeler

EARLIER_KEPT = 20
KEEP_EVERY = timedelta(minutes=1)
"""Saves come every second; versions a minute apart reach far enough back to be worth going to."""


class HoldsDraft(Protocol):
    """An assignment or a composition."""

    token: UUID
    draft: Any
    draft_version: int

    @property
    def labeler_id(self) -> int: ...


def check_base_version(held: HoldsDraft, base_version: int) -> None:
    """Raises DraftConflict, with what is stored, when a save does not build on the last one."""
    if held.draft_version != base_version:
        raise DraftConflict(
            f"The draft is at version {held.draft_version}, not {base_version}: another tab saved it.",
            current_version=held.draft_version,
            current_draft=held.draft,
        )


def keep_replaced(held: HoldsDraft, draft: dict[str, Any], *, always: bool = False) -> None:
    """Keeps what `draft` is about to replace: once a minute, wherever text goes, and `always` where two drafts met."""
    if not held.draft_version or not held.draft or held.draft == draft:
        return
    if always or is_loss(old=as_lists(held.draft), new=as_lists(draft)) or _last_is_old(held):
        _keep(token=held.token, labeler_id=held.labeler_id, version=held.draft_version, draft=held.draft)


def _last_is_old(held: HoldsDraft) -> bool:
    since = timezone.now() - KEEP_EVERY
    return not EarlierDraft.objects.filter(token=held.token, kept_at__gt=since).exists()


@transaction.atomic
def keep_aside(*, labeler: Labeler, token: str, draft: Draft, base_version: int) -> None:
    """Keeps a draft that lost against another one, so that choosing between two drafts throws neither away."""
    _keep(token=UUID(token), labeler_id=labeler.pk, version=base_version, draft=draft)


def _keep(*, token: UUID, labeler_id: int, version: int, draft: dict[str, Any]) -> None:
    EarlierDraft.objects.create(token=token, labeler_id=labeler_id, version=version, draft=draft)
    kept = EarlierDraft.objects.filter(token=token, labeler_id=labeler_id)
    too_old = list(kept.order_by("-id").values_list("pk", flat=True)[EARLIER_KEPT:])
    if too_old:
        EarlierDraft.objects.filter(pk__in=too_old).delete()
