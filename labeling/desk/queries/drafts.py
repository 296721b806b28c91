"""Earlier versions of a labeler's drafts."""

from dataclasses import dataclass
from datetime import datetime

from labeling.desk.models import EarlierDraft
from labeling.desk.rules.drafts import as_lists
from labeling.people.models import Labeler


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A kept version; `texts` are what was written in it, `choices` how many ranks, ratings and flags it has."""

    number: int
    kept_at: datetime
    texts: list[str]
    choices: int


def earlier_drafts(labeler: Labeler, token: str) -> list[Earlier]:
    """Returns the earlier drafts, the last one kept first."""
    return [earlier_of(kept) for kept in EarlierDraft.objects.filter(labeler=labeler, token=token)]


def earlier_of(kept: EarlierDraft) -> Earlier:
    fields = {name: [text for text in texts if text.strip()] for name, texts in as_lists(kept.draft).items()}
    written = {name: texts for name, texts in fields.items() if name.endswith(("text", "note"))}
    return Earlier(
        number=kept.pk,
        kept_at=kept.kept_at,
        texts=[text for texts in written.values() for text in texts],
        choices=sum(len(texts) for name, texts in fields.items() if name not in written),
    )
