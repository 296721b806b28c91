"""A labeler's own submissions, the last one first."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.db.models import QuerySet
from django_stubs_ext import StrPromise

from labeling.drafts import letter_of
from labeling.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.models import Assignment, Demonstration, Labeler, RankedCompletion, Ranking
from labeling.models.choices import STRENGTH_WORDS
from labeling.queries.work import Turn, flags_of, turns_of
from labeling.states import AssignmentState


@dataclass(frozen=True, kw_only=True)
class HistoryRow:
    token: str
    kind: str
    campaign: str
    excerpt: str
    language: str
    k: int | None
    submitted_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class RankedText:
    letter: str
    html: str
    quality: int | None
    flags: list[str]
    note: str


@dataclass(frozen=True, kw_only=True)
class Tier:
    """Completions of equal rank."""

    rank: int
    completions: list[RankedText]
    over_the_next: StrPromise | str


@dataclass(frozen=True, kw_only=True)
class Submission:
    kind: str
    campaign: str
    language: str
    turns: list[Turn]
    submitted_at: datetime
    active_seconds: float | None
    revision: int


@dataclass(frozen=True, kw_only=True)
class RankingSubmission:
    submission: Submission
    tiers: list[Tier]
    note: str
    none_acceptable: bool


@dataclass(frozen=True, kw_only=True)
class DemonstrationSubmission:
    submission: Submission
    html: str


def submitted_by(labeler: Labeler) -> QuerySet[Assignment]:
    return (
        Assignment.objects.filter(labeler=labeler, state=AssignmentState.SUBMITTED)
        .select_related("campaign", "prompt", "task")
        .order_by("-closed_at", "-id")
    )


def history_row(assignment: Assignment) -> HistoryRow:
    return HistoryRow(
        token=str(assignment.token),
        kind=assignment.kind,
        campaign=assignment.campaign.name,
        excerpt=assignment.prompt.last_user_text(),
        language=assignment.prompt.language,
        k=assignment.task.k if assignment.task else None,
        submitted_at=assignment.closed_at,
    )


def ranking_submission(assignment: Assignment, *, interface_language: str) -> RankingSubmission:
    """The last revision, best tier first."""
    ranking = assignment.rankings.select_related("rubric_version").latest("revision")
    labels = {flag.key: flag.label for flag in flags_of(ranking.rubric_version, interface_language)}
    ranked = ranking.ranked_completions.select_related("completion").order_by("rank", "shown_position")
    return RankingSubmission(
        submission=_submission(assignment, ranking),
        note=ranking.note,
        none_acceptable=ranking.none_acceptable,
        tiers=[
            Tier(
                rank=rank,
                completions=[_ranked_text(each, labels) for each in together],
                over_the_next=strength_in_words(ranking, rank),
            )
            for rank, together in groupby(ranked, key=lambda each: each.rank)
        ],
    )


def strength_in_words(ranking: Ranking, rank: int) -> StrPromise | str:
    """How much better this rank is than the next; empty for the last one and where nobody asked."""
    strengths = ranking.strengths or []
    return STRENGTH_WORDS[strengths[rank - 1]] if rank <= len(strengths) else ""


def _ranked_text(ranked: RankedCompletion, labels: dict[str, str]) -> RankedText:
    return RankedText(
        letter=letter_of(ranked.shown_position),
        html=render_markdown(ranked.completion.text, headings_from=TEXT_HEADINGS_FROM),
        quality=ranked.quality,
        flags=[labels.get(key, key) for key in ranked.flags],
        note=ranked.note,
    )


def demonstration_submission(assignment: Assignment) -> DemonstrationSubmission:
    """The last revision."""
    demonstration = assignment.demonstrations.latest("revision")
    return DemonstrationSubmission(
        submission=_submission(assignment, demonstration),
        html=render_markdown(demonstration.text, headings_from=TEXT_HEADINGS_FROM),
    )


def _submission(assignment: Assignment, label: Ranking | Demonstration) -> Submission:
    return Submission(
        kind=assignment.kind,
        campaign=assignment.campaign.name,
        language=assignment.prompt.language,
        turns=turns_of(assignment.prompt.messages),
        submitted_at=label.submitted_at,
        active_seconds=label.active_seconds,
        revision=label.revision,
    )
