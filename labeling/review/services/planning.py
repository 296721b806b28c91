"""Beat: puts into the reviewers' queue what was handed in since the last look and is to be looked at.

The way from one submission to the next page knows nothing of reviews. A pass that is killed is done again: the same
work is drawn again, and what waits already is not doubled.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import Q, QuerySet

from labeling.base.export_lock import settled_now
from labeling.base.states import AssignmentState, CampaignStage, CompositionState, ReviewReason, ReviewState
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.ranking.models import Ranking
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.review.models.reviews import Review, ReviewProgress, Work
from labeling.review.queries.labels import Label, rankings_of, ranks_of
from labeling.review.queries.queue import REVIEWED_WRITING
from labeling.review.rules import disagree, is_drawn
from labeling.review.services.reviews import (
    request_adjudication,
    request_review,
    request_review_of_own,
    settle_answered,
)
from labeling.writing.models import Composition

AT_ONCE = 500
"""Rows of one transaction."""
THE_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)

HandedIn = TypeVar("HandedIn", Ranking, Demonstration, Composition)


def plan_reviews() -> int:
    """Looks at everything that was handed in since the last look. Returns how many pieces that were."""
    settle_answered()
    until = settled_now()
    rankings = Ranking.objects.of_work().select_related("assignment__campaign", "task__campaign")
    demonstrations = Demonstration.objects.of_work().filter(assignment__isnull=False)
    written = demonstrations.select_related("assignment__campaign")
    own = Composition.objects.filter(
        state=CompositionState.SUBMITTED, kind__in=REVIEWED_WRITING, campaign__stage=CampaignStage.WORK
    )
    begun = own.select_related("campaign", "labeler")
    return (
        _all(rankings, "ranking", "submitted_at", until)
        + _all(written, "demonstration", "submitted_at", until)
        + _all(begun, "composition", "closed_at", until)
    )


def _all(rows: "QuerySet[HandedIn]", table: str, time: str, until: datetime) -> int:
    """`time`: the column of when a row was handed in."""
    looked = 0
    while count := _some(rows, table, time, until):
        looked += count
        if count < AT_ONCE:
            break
    return looked


@transaction.atomic
def _some(rows: "QuerySet[HandedIn]", table: str, time: str, until: datetime) -> int:
    """The next rows in the order of their time; 0 while another worker is at it."""
    ReviewProgress.objects.get_or_create(kind=table, defaults={"submitted_at": THE_BEGINNING})
    progress = ReviewProgress.objects.select_for_update(skip_locked=True).filter(kind=table).first()
    if progress is None:
        return 0
    at = progress.submitted_at
    later = Q(**{f"{time}__gt": at}) | Q(**{time: at}, pk__gt=progress.label_id)
    found = list(rows.filter(later, **{f"{time}__lte": until}).order_by(time, "pk")[:AT_ONCE])
    for row in found:
        _plan_own(row) if isinstance(row, Composition) else _plan(row)
    for task in _tasks_of(found):
        _plan_task(task)
    if found:
        progress.submitted_at, progress.label_id = getattr(found[-1], time), found[-1].pk
        progress.save(update_fields=["submitted_at", "label_id"])
    return len(found)


def _tasks_of(rows: Sequence[Label | Composition]) -> set[RankingTask]:
    """The tasks of the rankings among them that people made."""
    return {row.task for row in rows if isinstance(row, Ranking) and not row.simulated}


def _plan(label: Label) -> None:
    if label.simulated or label.fixed_by_id is not None:
        return
    for reason in _reasons(label):
        request_review(label=label, reason=reason)


def _plan_own(composition: Composition) -> None:
    if composition.labeler.simulated:
        return
    for reason in _reasons_of_work(composition):
        request_review_of_own(composition=composition, reason=reason)


def _reasons(label: Label) -> list[ReviewReason]:
    assignment = label.assignment
    assert assignment is not None  # only such labels are looked at
    if label.revision > 1:
        # What was returned is settle_answered's; here a labeler goes on from what a reviewer fixed.
        last = Review.objects.filter(assignment=assignment).order_by("-id").first()
        return [ReviewReason.ANSWERED] if last is not None and last.state == ReviewState.FIXED else []
    return _reasons_of_work(assignment)


def _reasons_of_work(work: Work) -> list[ReviewReason]:
    found = []
    if is_drawn(work.token, percent=work.campaign.review_percent):
        found.append(ReviewReason.RANDOM)
    if _is_among_the_first(work):
        found.append(ReviewReason.NEW_LABELER)
    return found


def _is_among_the_first(work: Work) -> bool:
    """Whether it is one of the labeler's first pieces of work of its kind in the campaign."""
    first = work.campaign.review_first
    if not first:
        return False
    before = type(work)._default_manager.filter(  # noqa: SLF001  (Django's own name for it)
        labeler_id=work.labeler_id, kind=work.kind, campaign_id=work.campaign_id, state=AssignmentState.SUBMITTED,
        pk__lt=work.pk,
    )  # fmt: skip
    return before[:first].count() < first


def _plan_task(task: RankingTask) -> None:
    rankings = rankings_of(task)
    if len(rankings) < 2:
        return
    adjudicated = task.adjudications.order_by("-number").first()
    if adjudicated is not None:
        if sorted(adjudicated.rankings) != sorted(ranking.pk for ranking in rankings):
            request_adjudication(task=task, reason=ReviewReason.CHANGED)
    elif disagree([ranks_of(each) for each in rankings], below_percent=task.campaign.review_below_percent):
        request_adjudication(task=task, reason=ReviewReason.LOW_AGREEMENT)
