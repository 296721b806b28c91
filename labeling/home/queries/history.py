"""A labeler's own submissions, the last one first."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django_stubs_ext import StrPromise

from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.states import AssignmentState, RevisionState, Strength
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment, Revision
from labeling.desk.queries.work import Turn, flags_of, own_assignment, turns_of
from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.desk.rules.drafts import letter_of
from labeling.people.models import Labeler


@dataclass(frozen=True, kw_only=True)
class HistoryRow:
    token: str
    kind: str
    campaign: str
    excerpt: str
    language: str
    k: int | None
    submitted_at: datetime | None
    revision: int


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
class EarlierRevision:
    number: int
    submitted_at: datetime


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One revision of a submission; `others` are all its revisions but this one, the last first."""

    token: str
    kind: str
    campaign: str
    language: str
    turns: list[Turn]
    submitted_at: datetime
    active_seconds: float | None
    revision: int
    others: list[EarlierRevision]
    is_last: bool


@dataclass(frozen=True, kw_only=True)
class RankingSubmission:
    submission: Submission
    tiers: list[Tier]
    note: str
    none_acceptable: bool
    edit: str


@dataclass(frozen=True, kw_only=True)
class DemonstrationSubmission:
    submission: Submission
    html: str


def submitted_by(labeler: Labeler) -> QuerySet[Assignment]:
    return (
        Assignment.objects.filter(labeler=labeler, state=AssignmentState.SUBMITTED)
        .select_related("campaign", "prompt", "task")
        .annotate(last_revision=Coalesce(_last_revision(Ranking), _last_revision(Demonstration), 1))
        .order_by("-closed_at", "-id")
    )


def _last_revision(labels: type[Ranking | Demonstration]) -> Subquery:
    of_this = labels.objects.filter(assignment=OuterRef("pk"))
    return Subquery(of_this.order_by("-revision").values("revision")[:1])


def own_revision(labeler: Labeler, token: str) -> Revision:
    """With its work, as own_assignment has it. Raises Revision.DoesNotExist for anybody else's."""
    revision = Revision.objects.select_related("assignment__prompt", "assignment__task").get(
        token=token, assignment__labeler=labeler
    )
    prompt, task = revision.assignment.prompt, revision.assignment.task
    revision.assignment = own_assignment(labeler, str(revision.assignment.token))
    revision.assignment.prompt, revision.assignment.task = prompt, task
    return revision


def begun_revision(assignment: Assignment) -> Revision | None:
    """A revision that the labeler began and neither handed in nor dropped."""
    return assignment.revisions.filter(state=RevisionState.OPEN).first()


def history_row(assignment: Assignment) -> HistoryRow:
    return HistoryRow(
        token=str(assignment.token),
        kind=assignment.kind,
        campaign=assignment.campaign.name,
        excerpt=assignment.prompt.last_user_text(),
        language=assignment.prompt.language,
        k=assignment.task.k if assignment.task else None,
        submitted_at=assignment.closed_at,
        revision=assignment.last_revision,  # type: ignore[attr-defined]  # annotated by submitted_by
    )


def ranking_submission(
    assignment: Assignment, *, interface_language: str, revision: int | None = None
) -> RankingSubmission:
    """That revision or the last, best tier first. Raises Ranking.DoesNotExist."""
    ranking = _revision_of(assignment.rankings.select_related("rubric_version", "edit"), revision)
    labels = {flag.key: flag.label for flag in flags_of(ranking.rubric_version, interface_language)}
    ranked = ranking.ranked_completions.select_related("completion").order_by("rank", "shown_position")
    return RankingSubmission(
        submission=_submission(assignment, ranking),
        note=ranking.note,
        none_acceptable=ranking.none_acceptable,
        edit=_edit_of(ranking),
        tiers=[
            Tier(
                rank=rank,
                completions=[_ranked_text(each, labels) for each in together],
                over_the_next=strength_in_words(ranking, rank),
            )
            for rank, together in groupby(ranked, key=lambda each: each.rank)
        ],
    )


def _edit_of(ranking: Ranking) -> str:
    """What the labeler made of the best, as HTML; empty where they left it."""
    edit: Demonstration | None = getattr(ranking, "edit", None)
    return render_markdown(edit.text, headings_from=TEXT_HEADINGS_FROM) if edit else ""


def strength_in_words(ranking: Ranking, rank: int) -> StrPromise | str:
    """How much better this rank is than the next; empty for the last one and where nobody asked."""
    strengths = ranking.strengths or []
    return Strength(strengths[rank - 1]).label if rank <= len(strengths) else ""


def _ranked_text(ranked: RankedCompletion, labels: dict[str, str]) -> RankedText:
    return RankedText(
        letter=letter_of(ranked.shown_position),
        html=render_markdown(ranked.completion.text, headings_from=TEXT_HEADINGS_FROM),
        quality=ranked.quality,
        flags=[labels.get(key, key) for key in ranked.flags],
        note=ranked.note,
    )


def demonstration_submission(assignment: Assignment, *, revision: int | None = None) -> DemonstrationSubmission:
    """That revision or the last. Raises Demonstration.DoesNotExist."""
    demonstration = _revision_of(assignment.demonstrations.all(), revision)
    return DemonstrationSubmission(
        submission=_submission(assignment, demonstration),
        html=render_markdown(demonstration.text, headings_from=TEXT_HEADINGS_FROM),
    )


def _revision_of(labels: QuerySet[Any], revision: int | None) -> Any:
    return labels.latest("revision") if revision is None else labels.get(revision=revision)


def _submission(assignment: Assignment, label: Ranking | Demonstration) -> Submission:
    labels = type(label).objects.filter(assignment=assignment).order_by("-revision")
    revisions = [
        EarlierRevision(number=number, submitted_at=at) for number, at in labels.values_list("revision", "submitted_at")
    ]
    return Submission(
        token=str(assignment.token),
        kind=assignment.kind,
        campaign=assignment.campaign.name,
        language=assignment.prompt.language,
        turns=turns_of(assignment.prompt.messages),
        submitted_at=label.submitted_at,
        active_seconds=label.active_seconds,
        revision=label.revision,
        others=[each for each in revisions if each.number != label.revision],
        is_last=label.revision == revisions[0].number,
    )
