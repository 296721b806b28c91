"""What the pages of reviewers show: one label with what others said of the same, or several rankings side by side.

Labelers are named by their pseudonyms, so that who made something does not lead those who judge it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User

from labeling.base.language import in_language
from labeling.base.markdown import TEXT_HEADINGS_FROM, raw_text, render_markdown
from labeling.base.messages import Turn, turns_of
from labeling.campaigns.models.versions import InstructionVersion
from labeling.campaigns.queries import flags_of
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.desk.rules.drafts import letter_of
from labeling.quality.consensus.rules import PairVote
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.review.models.reviews import Review
from labeling.review.queries.labels import TaskRankings, all_of_task
from labeling.review.queries.queue import seen_by
from labeling.review.queries.threads import column_of


@dataclass(frozen=True, kw_only=True)
class WorkUnderReview:
    """What templates/desk/ reads of a piece of work. It has no token: no page of a reviewer is a labeler's."""

    campaign: str
    campaign_slug: str
    language: str
    turns: list[Turn]
    guidance: str


def work_under_review(review: Review, *, interface_language: str) -> WorkUnderReview:
    prompt = review.prompt
    instructions = (
        prompt.campaign.instruction_versions.latest("version")
        if review.work is None
        else InstructionVersion.objects.get(pk=review.work.instruction_version_id)
    )
    guidance = in_language(instructions.body, interface_language)
    return WorkUnderReview(
        campaign=prompt.campaign.name,
        campaign_slug=prompt.campaign.slug,
        language=prompt.language,
        turns=turns_of(prompt.messages),
        guidance=render_markdown(guidance, headings_from=TEXT_HEADINGS_FROM),
    )


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What one labeler said of one completion."""

    rank: int
    quality: int | None
    flags: list[str]
    note: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One completion: its cells in the order of the heads. `position` counts from 1."""

    position: int
    letter: str
    completion: int
    html: str
    raw: str
    cells: list[Cell]
    consensus: int


@dataclass(frozen=True, kw_only=True)
class Head:
    """One labeler. `fixed`: a reviewer's revision counts in their place."""

    name: str
    note: str
    none_acceptable: bool
    fixed: bool


@dataclass(frozen=True, kw_only=True)
class Majority:
    """A comparison in which the consensus goes against the majority, since the majorities form a circle."""

    upper: str
    lower: str
    agree: int
    disagree: int


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    heads: list[Head]
    rows: list[Row]
    overridden: list[Majority]
    seen: str
    """The ids of the rankings, as the form sends them back."""

    @property
    def k(self) -> int:
        return len(self.rows)


def side_by_side(task: RankingTask, *, order: Sequence[int] = (), interface_language: str) -> SideBySide:
    """All rankings of a task. `order`: the completions' ids as somebody saw them; left out, in the order of the ids."""
    found = all_of_task(task)
    completions = {each.pk: each.text for each in task.completions.all()}
    order = order or sorted(completions)
    consensus = {} if found.consensus is None else found.consensus.ranks
    cells = _cells(found, interface_language)
    return SideBySide(
        heads=[_head(ranking) for ranking in found.rankings],
        rows=[
            Row(
                position=position,
                letter=letter_of(position),
                completion=pk,
                html=render_markdown(completions[pk], headings_from=TEXT_HEADINGS_FROM),
                raw=raw_text(completions[pk]),
                cells=cells[pk],
                consensus=consensus.get(pk, 0),
            )
            for position, pk in enumerate(order, start=1)
        ],
        overridden=[_majority(vote, order) for vote in (found.consensus.overridden if found.consensus else ())],
        seen=",".join(map(str, found.ids)),
    )


def _head(ranking: Ranking) -> Head:
    return Head(
        name=ranking.labeler.pseudonym,
        note=ranking.note,
        none_acceptable=ranking.none_acceptable,
        fixed=ranking.fixed_by_id is not None,
    )


def _cells(found: TaskRankings, interface_language: str) -> dict[int, list[Cell]]:
    """By completion, in the order of the rankings."""
    cells: dict[int, list[Cell]] = {}
    for ranking in found.rankings:
        labels = {flag.key: flag.label for flag in flags_of(ranking.rubric_version, interface_language)}
        for ranked in ranking.ranked_completions.all():
            cells.setdefault(ranked.completion_id, []).append(_cell(ranked, labels))
    return cells


def _cell(ranked: RankedCompletion, labels: dict[str, str]) -> Cell:
    flags = [labels.get(key, key) for key in ranked.flags]
    return Cell(rank=ranked.rank, quality=ranked.quality, flags=flags, note=ranked.note)


def _majority(vote: PairVote, order: Sequence[int]) -> Majority:
    letters = {pk: letter_of(position) for position, pk in enumerate(order, start=1)}
    return Majority(upper=letters[vote.first], lower=letters[vote.second], agree=vote.above, disagree=vote.below)


@dataclass(frozen=True, kw_only=True)
class PastReview:
    """A decision on the same label or task."""

    decision: str
    text: str
    reviewer: str
    decided_at: datetime | None
    revision: int | None


def past_reviews(review: Review) -> list[PastReview]:
    """What was decided before, the last first."""
    same = {"task": review.task} if review.work is None else {column_of(review.work): review.work}
    found = Review.objects.filter(**same, reviewer__isnull=False).exclude(pk=review.pk).select_related("reviewer")
    return [
        PastReview(
            decision=each.get_state_display(),
            text=each.text,
            reviewer=str(each.reviewer),
            decided_at=each.decided_at,
            revision=each.revision,
        )
        for each in found.order_by("-id")
    ]


def reviewed(token: str, reviewer: User) -> Review:
    """The review with all that its page shows. Raises Review.DoesNotExist, also of campaigns that they don't see."""
    return seen_by(reviewer).select_related(
        "prompt__campaign", "assignment__labeler__user", "assignment__campaign", "assignment__prompt",
        "assignment__task", "assignment__rubric_version", "composition__labeler__user", "composition__campaign",
        "task", "reviewer", "held_by", "asked_by",
    ).get(token=token)  # fmt: skip


def other_rankings(assignment: Assignment) -> bool:
    """Whether somebody else ranked the same task."""
    return (
        assignment.task_id is not None
        and Ranking.objects.filter(task=assignment.task_id).exclude(labeler=assignment.labeler_id).exists()
    )
