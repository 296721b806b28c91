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
from labeling.base.states import AssignmentState, ReviewReason, ReviewState
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import Ranking
from labeling.ranking_tasks.models import RankingTask
from labeling.review.models.reviews import Review, ReviewProgress
from labeling.review.queries.labels import Label, rankings_of, ranks_of
from labeling.review.rules import disagree, is_drawn
from labeling.review.services.reviews import request_adjudication, request_review, settle_answered

AT_ONCE = 500
"""Labels of one transaction."""
THE_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)

L = TypeVar("L", Ranking, Demonstration)


def plan_reviews() -> int:
    """Looks at everything that was handed in since the last look. Returns how many labels that were."""
    settle_answered()
    until = settled_now()
    rankings = Ranking.objects.of_work().select_related("assignment__campaign", "task__campaign")
    demonstrations = Demonstration.objects.of_work().filter(assignment__isnull=False)
    written = demonstrations.select_related("assignment__campaign")
    return _all(rankings, "ranking", until) + _all(written, "demonstration", until)


def _all(labels: "QuerySet[L]", kind: str, until: datetime) -> int:
    looked = 0
    while count := _some(labels, kind, until):
        looked += count
        if count < AT_ONCE:
            break
    return looked


@transaction.atomic
def _some(labels: "QuerySet[L]", kind: str, until: datetime) -> int:
    """The next labels in the order of their time; 0 while another worker is at it."""
    ReviewProgress.objects.get_or_create(kind=kind, defaults={"submitted_at": THE_BEGINNING})
    progress = ReviewProgress.objects.select_for_update(skip_locked=True).filter(kind=kind).first()
    if progress is None:
        return 0
    later = Q(submitted_at__gt=progress.submitted_at) | Q(submitted_at=progress.submitted_at, pk__gt=progress.label_id)
    found = list(labels.filter(later, submitted_at__lte=until).order_by("submitted_at", "pk")[:AT_ONCE])
    for label in found:
        if not label.simulated and label.fixed_by_id is None:
            _plan(label)
    for task in _tasks_of(found):
        _plan_task(task)
    if found:
        progress.submitted_at, progress.label_id = found[-1].submitted_at, found[-1].pk
        progress.save(update_fields=["submitted_at", "label_id"])
    return len(found)


def _tasks_of(labels: Sequence[Label]) -> set[RankingTask]:
    """The tasks of the rankings among them that people made."""
    return {label.task for label in labels if isinstance(label, Ranking) and not label.simulated}


def _plan(label: Label) -> None:
    for reason in _reasons(label):
        request_review(label=label, reason=reason)


def _reasons(label: Label) -> list[ReviewReason]:
    assignment = label.assignment
    assert assignment is not None  # only such labels are looked at
    if label.revision > 1:
        # What was returned is settle_answered's; here a labeler goes on from what a reviewer fixed.
        last = Review.objects.filter(assignment=assignment).order_by("-id").first()
        return [ReviewReason.ANSWERED] if last is not None and last.state == ReviewState.FIXED else []
    found = []
    if is_drawn(assignment.token, percent=assignment.campaign.review_percent):
        found.append(ReviewReason.RANDOM)
    if _is_among_the_first(assignment):
        found.append(ReviewReason.NEW_LABELER)
    return found


def _is_among_the_first(assignment: Assignment) -> bool:
    """Whether it is one of the labeler's first pieces of work of its kind in the campaign."""
    first = assignment.campaign.review_first
    if not first:
        return False
    before = Assignment.objects.filter(
        labeler_id=assignment.labeler_id, kind=assignment.kind, campaign_id=assignment.campaign_id,
        state=AssignmentState.SUBMITTED, pk__lt=assignment.pk,
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
