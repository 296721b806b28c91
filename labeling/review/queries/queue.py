"""The reviewers' queue: what waits, for whom, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from labeling.base.states import AssignmentKind, CompositionKind, ReviewReason, ReviewState
from labeling.campaigns.managers.queries import within_campaigns_of
from labeling.desk.ranking.models import Ranking
from labeling.review.models.reviews import Review

ADJUDICATION = "adjudication"
"""The kind of a review of several rankings; all others are those of the work."""


@dataclass(frozen=True, kw_only=True)
class Sought:
    """What the queue is narrowed down to; what is empty narrows nothing."""

    reason: str = ""
    kind: str = ""
    campaign: str = ""

    def __bool__(self) -> bool:
        return any((self.reason, self.kind, self.campaign))


def not_own(reviewer: User) -> Q:
    """Reviews of what other people made."""
    theirs = Ranking.objects.filter(task=OuterRef("task"), labeler__user=reviewer)
    written = ~Q(assignment__labeler__user=reviewer) & ~Q(composition__labeler__user=reviewer)
    return written & ~Q(Exists(theirs))


def seen_by(reviewer: User) -> "QuerySet[Review]":
    """Those of the campaigns that the reviewer sees."""
    return within_campaigns_of(reviewer, Review.objects.all(), "prompt__campaign")


def waiting_for(reviewer: User, sought: Sought | None = None) -> "QuerySet[Review]":
    """The reviews that the reviewer may decide now, the most urgent first, then the oldest."""
    found = seen_by(reviewer).filter(not_own(reviewer), state=ReviewState.WAITING)
    sought = sought or Sought()
    if sought.reason:
        found = found.filter(reasons__contains=[sought.reason])
    if sought.kind:
        found = (
            found.filter(task__isnull=False)
            if sought.kind == ADJUDICATION
            else found.filter(Q(assignment__kind=sought.kind) | Q(composition__kind=sought.kind))
        )
    if sought.campaign:
        found = found.filter(prompt__campaign__slug=sought.campaign)
    return found.order_by("urgency", "id")


def free_for(reviewer: User, reviews: "QuerySet[Review]", *, now: datetime | None = None) -> "QuerySet[Review]":
    """Those of them that nobody else has open."""
    return reviews.filter(Q(held_by=None) | Q(held_by=reviewer) | Q(held_until__lt=now or timezone.now()))


@dataclass(frozen=True, kw_only=True)
class QueueRow:
    token: str
    kind: str
    labeler: str
    """A pseudonym; empty where several people's work is looked at."""
    campaign: str
    excerpt: str
    language: str
    reasons: list[str]
    asked_at: datetime
    held_by: str
    """Whoever else has it open."""


QUEUE_SHOWS = ("prompt__campaign", "assignment__labeler__user", "composition__labeler__user", "held_by")
"""What queue_rows reads of each review, as select_related takes it."""


def queue_rows(reviewer: User, reviews: Iterable[Review]) -> list[QueueRow]:
    now = timezone.now()
    return [
        QueueRow(
            token=str(review.token),
            kind=kind_of(review),
            labeler=review.work.labeler.pseudonym if review.work else "",
            campaign=review.prompt.campaign.name,
            excerpt=review.prompt.last_user_text(),
            language=review.prompt.language,
            reasons=words_of(review.reasons),
            asked_at=review.asked_at,
            held_by=_held_by_another(review, reviewer, now),
        )
        for review in reviews
    ]


def kind_of(review: Review) -> str:
    return ADJUDICATION if review.work is None else review.work.kind


def words_of(reasons: list[str]) -> list[str]:
    return [str(ReviewReason(reason).label) for reason in reasons]


def _held_by_another(review: Review, reviewer: User, now: datetime) -> str:
    if review.held_by is None or review.held_by == reviewer or review.held_until is None or review.held_until < now:
        return ""
    return review.held_by.get_username()


def counts_by_reason(reviewer: User) -> Mapping[str, int]:
    """How many reviews wait for each reason; one may have several."""
    counted = {reason.value: Count("pk", filter=Q(reasons__contains=[reason.value])) for reason in ReviewReason}
    found: dict[str, int] = waiting_for(reviewer).order_by().aggregate(**counted)
    return {reason: count for reason, count in found.items() if count}


def returned_by(reviewer: User) -> "QuerySet[Review]":
    """What the reviewer returned and nobody answered yet, the oldest first."""
    found = seen_by(reviewer).filter(state=ReviewState.RETURNED, reviewer=reviewer)
    return found.select_related(*QUEUE_SHOWS).order_by("decided_at")


REVIEWED_WRITING = (CompositionKind.DIALOGUE, CompositionKind.CHAT, CompositionKind.OWN_PROMPT)
"""Of what labelers begin themselves; an improvement of the best completion is looked at with its ranking."""
KINDS = (*AssignmentKind.values, *(kind.value for kind in REVIEWED_WRITING), ADJUDICATION)
