"""Drafts: written as the next version, with earlier versions kept.

`HeldTable` (held_work.py) finds and locks the work whose draft is saved or restored.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from labeling.base.refusals import DraftConflict
from labeling.desk.models import EarlierDraft, HeldWork
from labeling.desk.rules.drafts import SentDraft, as_lists, is_loss, same_work
from labeling.people.models import Labeler

EARLIER_KEPT = 20
KEEP_EVERY = timedelta(minutes=1)
"""Saves come every second; versions a minute apart reach far enough back to be worth going to."""


def write_draft(
    held: HeldWork, draft: Mapping[str, object], *, page: str, settles: bool, with_fields: Sequence[str]
) -> None:
    """Writes the next version of locked work's draft, and `with_fields` of the row with it.

    `page` saves it. `settles`: the draft was chosen over the one that it replaces, which is kept as an earlier version.
    """
    _keep_replaced(held, draft, always=settles)
    held.draft = dict(draft)
    held.draft_version += 1
    held.draft_saved_at = timezone.now()
    held.draft_page = page
    held.save(update_fields=["draft", "draft_version", "draft_saved_at", "draft_page", *with_fields])


def check_builds_on(held: HeldWork, sent: SentDraft) -> None:
    """Raises DraftConflict, with what is on the server, where `sent` would go over work that its page never saw."""
    if sent.version in (None, held.draft_version) or (sent.page and sent.page == held.draft_page):
        return
    if same_work(as_lists(held.draft), sent.fields):
        return
    raise DraftConflict(
        f"The draft is at version {held.draft_version}, not {sent.version}: another tab or device saved it.",
        current_version=held.draft_version,
        current_draft=held.draft,
        current_page=held.draft_page,
    )


def keep_aside(*, labeler: Labeler, token: str, draft: Mapping[str, object], base_version: int) -> None:
    """Keeps a draft that lost against another one, so that choosing between two drafts discards neither."""
    with transaction.atomic():
        _keep(token=UUID(token), labeler=labeler, version=base_version, draft=draft)


def _keep_replaced(held: HeldWork, draft: Mapping[str, object], *, always: bool) -> None:
    """Keeps what `draft` is about to replace: once a minute, wherever text goes, and `always` where two drafts met."""
    if not held.draft_version or not held.draft or held.draft == draft:
        return
    if always or is_loss(old=as_lists(held.draft), new=as_lists(draft)) or _last_is_old(held):
        _keep(token=held.token, labeler=held.labeler, version=held.draft_version, draft=held.draft)


def _last_is_old(held: HeldWork) -> bool:
    since = timezone.now() - KEEP_EVERY
    return not EarlierDraft.objects.filter(token=held.token, kept_at__gt=since).exists()


def _keep(*, token: UUID, labeler: Labeler, version: int, draft: Mapping[str, object]) -> None:
    last = EarlierDraft.objects.filter(token=token, labeler=labeler).first()
    if last is not None and last.draft == draft:
        return  # a page and its server may both keep what was not chosen
    EarlierDraft.objects.create(token=token, labeler=labeler, version=version, draft=draft)
    kept = EarlierDraft.objects.filter(token=token, labeler=labeler)
    too_old = list(kept.order_by("-id").values_list("pk", flat=True)[EARLIER_KEPT:])
    if too_old:
        EarlierDraft.objects.filter(pk__in=too_old).delete()
