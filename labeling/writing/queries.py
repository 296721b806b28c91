"""A labeler's own writing: what may be begun, and what was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from labeling.base.language import in_language, own_name_of
from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.messages import Turn, turns_of
from labeling.base.states import AssignmentKind, AssignmentState, CompositionState
from labeling.campaigns.models.campaigns import TAKES_HELD_WORK
from labeling.desk.models import Assignment
from labeling.desk.rules.drafts import as_lists
from labeling.people.models import Labeler
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.writing.models import Composition, Conversation, Message

BEGUN_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class OwnWriting:
    """A row of a list; the excerpt is of the longest text in its draft, empty when there is none yet."""

    token: str
    kind: str
    campaign: str
    excerpt: str
    saved_at: datetime | None


def begun_by(labeler: Labeler) -> list[OwnWriting]:
    """What is open, the last ones first, without those that their closed campaigns take no more."""
    begun = Composition.objects.filter(TAKES_HELD_WORK, labeler=labeler, state=CompositionState.OPEN)
    return _rows(begun[:BEGUN_SHOWN])


def _rows(compositions: QuerySet[Composition]) -> list[OwnWriting]:
    return [
        OwnWriting(
            token=str(composition.token),
            kind=composition.kind,
            campaign=composition.campaign.name,
            excerpt=longest_text(composition.draft),
            saved_at=composition.draft_saved_at,
        )
        for composition in compositions.select_related("campaign")
    ]


@dataclass(frozen=True, kw_only=True)
class Writing:
    """What every page of own writing has."""

    token: str
    kind: str
    campaign: str
    campaign_slug: str
    guidance: str
    languages: Sequence[str]
    draft_version: int
    saved_at: datetime | None
    closing_at: datetime | None
    """Its campaign was closed, and takes it until then."""

    def named_languages(self) -> list[tuple[str, str]]:
        """(code, what its speakers call it)."""
        return [(code, own_name_of(code)) for code in self.languages]


def writing_of(composition: Composition, *, interface_language: str) -> Writing:
    guidance = in_language(composition.instruction_version.body, interface_language)
    return Writing(
        token=str(composition.token),
        kind=composition.kind,
        campaign=composition.campaign.name,
        campaign_slug=composition.campaign.slug,
        guidance=render_markdown(guidance, headings_from=TEXT_HEADINGS_FROM),
        languages=languages_of(composition, interface_language=interface_language),
        draft_version=composition.draft_version,
        saved_at=composition.draft_saved_at,
        closing_at=composition.campaign.closing_at,
    )


def turns_said(composition: Composition) -> list[Turn]:
    """The conversation that the writing became, or is so far."""
    messages = Message.objects.filter(conversation__composition=composition).order_by("position")
    return turns_of([{"role": message.role, "content": message.content} for message in messages])


def language_of(composition: Composition) -> str:
    """The language of its conversation; empty before there is one."""
    found = Conversation.objects.filter(composition=composition).values_list("language", flat=True).first()
    return found or ""


def reserved_task(composition: Composition) -> RankingTask | None:
    """The ranking that a chat left to its labeler."""
    return RankingTask.objects.filter(prompt__picked_message__conversation__composition=composition).first()


def holds_a_ranking(labeler: Labeler) -> bool:
    return Assignment.objects.filter(labeler=labeler, kind=AssignmentKind.RANKING, state=AssignmentState.OPEN).exists()


def own_composition(labeler: Labeler, token: str) -> Composition:
    """Returns it with its campaign and instructions. Raises Composition.DoesNotExist for anybody else's."""
    return Composition.objects.select_related(
        "campaign", "instruction_version", "labeler", "ranking__task__prompt", "ranking__assignment"
    ).get(token=token, labeler=labeler)


def languages_of(composition: Composition, *, interface_language: str) -> Sequence[str]:
    """Codes that it may be written in, the interface's own first."""
    base = interface_language.partition("-")[0]
    return sorted(composition.languages, key=lambda code: code.partition("-")[0] != base)


def longest_text(draft: dict[str, object]) -> str:
    """Of the texts in a draft the one that says most of what it is."""
    texts = [text for name, values in as_lists(draft).items() if name.endswith("text") for text in values]
    return max(texts, key=len, default="")
