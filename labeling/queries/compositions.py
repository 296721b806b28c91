"""A labeler's own writing: what may be begun, and what was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from labeling.drafts import as_lists
from labeling.models import Composition, Labeler
from labeling.states import CampaignState, CompositionState

BEGUN_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class Begun:
    """An open piece of writing; the excerpt is of the longest text in its draft, empty when there is none yet."""

    token: str
    kind: str
    campaign: str
    excerpt: str
    saved_at: datetime | None


def begun_by(labeler: Labeler) -> list[Begun]:
    """The last ones first, without those of closed campaigns."""
    compositions = (
        Composition.objects.filter(labeler=labeler, state=CompositionState.OPEN)
        .exclude(campaign__state=CampaignState.CLOSED)
        .select_related("campaign")[:BEGUN_SHOWN]
    )
    return [
        Begun(
            token=str(composition.token),
            kind=composition.kind,
            campaign=composition.campaign.name,
            excerpt=_longest_text(composition.draft),
            saved_at=composition.draft_saved_at,
        )
        for composition in compositions
    ]


def own_composition(labeler: Labeler, token: str) -> Composition:
    """With its campaign and instructions. Raises Composition.DoesNotExist for anybody else's."""
    return Composition.objects.select_related("campaign", "instruction_version", "labeler").get(
        token=token, labeler=labeler
    )


def languages_of(composition: Composition, *, interface_language: str) -> Sequence[str]:
    """Codes that it may be written in: the campaign's that the labeler knows, the interface's own first."""
    known = [code for code in composition.campaign.languages if code in composition.labeler.languages]
    base = interface_language.partition("-")[0]
    return sorted(known, key=lambda code: code.partition("-")[0] != base)


def _longest_text(draft: dict[str, object]) -> str:
    texts = [text for name, values in as_lists(draft).items() if name.endswith("text") for text in values]
    return max(texts, key=len, default="")
