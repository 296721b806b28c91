"""A labeler's own drafts: whose they are, and how they were before."""

from dataclasses import dataclass
from datetime import datetime

from labeling.desk.models import Assignment, EarlierDraft, Revision
from labeling.desk.rules.drafts import as_lists
from labeling.people.models import Labeler
from labeling.writing.models import Composition


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A kept version; `texts` are what was written in it, `choices` how many ranks, ratings and flags it has."""

    number: int
    kept_at: datetime
    texts: list[str]
    choices: int


def page_of(labeler: Labeler, token: str) -> str | None:
    """The name of the page of that labeler's work or writing; None where the token names nothing of theirs."""
    for name, model in (("work", Assignment), ("compose", Composition)):
        if model.objects.filter(labeler=labeler, token=token).exists():
            return name
    if Revision.objects.filter(assignment__labeler=labeler, token=token).exists():
        return "revise"
    return None


def earlier_drafts(labeler: Labeler, token: str) -> list[Earlier]:
    """The last one kept first."""
    return [_earlier(kept) for kept in EarlierDraft.objects.filter(labeler=labeler, token=token)]


def _earlier(kept: EarlierDraft) -> Earlier:
    fields = {name: [text for text in texts if text.strip()] for name, texts in as_lists(kept.draft).items()}
    fields.pop("active_seconds", None)
    written = {name: texts for name, texts in fields.items() if name.endswith(("text", "note"))}
    return Earlier(
        number=kept.pk,
        kept_at=kept.kept_at,
        texts=[text for texts in written.values() for text in texts],
        choices=sum(len(texts) for name, texts in fields.items() if name not in written),
    )
