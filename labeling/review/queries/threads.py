"""Threads of messages, as labelers and those who run the work read them."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery

from labeling.base.states import ReviewState
from labeling.desk.models import Assignment
from labeling.people.models import Labeler
from labeling.review.models.reviews import Review
from labeling.review.models.threads import Thread, ThreadMessage


@dataclass(frozen=True, kw_only=True)
class SaidMessage:
    """`author` is empty for the labeler's own; `returned`: it is the reason for which work was returned."""

    text: str
    from_labeler: bool
    sent_at: datetime
    returned: bool


def messages_of(thread: Thread | None) -> list[SaidMessage]:
    """The first message first."""
    if thread is None:
        return []
    rows = thread.messages.select_related("review").order_by("id")
    return [
        SaidMessage(
            text=each.text,
            from_labeler=each.from_labeler,
            sent_at=each.sent_at,
            returned=each.review is not None and each.review.state in RETURNED,
        )
        for each in rows
    ]


RETURNED = (ReviewState.RETURNED, ReviewState.ANSWERED, ReviewState.WITHDRAWN)


def threads_of(labeler: Labeler) -> "QuerySet[Thread]":
    """With `last_text`, the latest first."""
    last = ThreadMessage.objects.filter(thread=OuterRef("pk")).order_by("-id")
    found = Thread.objects.filter(labeler=labeler).select_related("assignment__prompt", "assignment__campaign")
    return found.annotate(last_text=Subquery(last.values("text")[:1])).order_by("-last_message_at")


def thread_about(labeler: Labeler, assignment: Assignment | None) -> Thread | None:
    return Thread.objects.filter(labeler=labeler, assignment=assignment).first()


def return_of(assignment: Assignment) -> Review | None:
    """The review that returned it, while its labeler has not answered."""
    if assignment.returned_at is None:
        return None
    return assignment.reviews.filter(state=ReviewState.RETURNED).first()


@dataclass(frozen=True, kw_only=True)
class ReturnedWork:
    """What a reviewer returned, for the labeler's start page."""

    token: str
    kind: str
    campaign: str
    excerpt: str
    language: str
    reason: str
    returned_at: datetime | None


def returned_to(labeler: Labeler) -> list[ReturnedWork]:
    """What the labeler is to revise or answer, the oldest first."""
    found = Review.objects.filter(
        state=ReviewState.RETURNED, assignment__labeler=labeler, assignment__returned_at__isnull=False
    )
    return [
        ReturnedWork(
            token=str(review.assignment.token),
            kind=review.assignment.kind,
            campaign=review.assignment.campaign.name,
            excerpt=review.assignment.prompt.last_user_text(),
            language=review.assignment.prompt.language,
            reason=review.text,
            returned_at=review.decided_at,
        )
        for review in found.select_related("assignment__prompt", "assignment__campaign").order_by("decided_at")
        if review.assignment is not None
    ]
