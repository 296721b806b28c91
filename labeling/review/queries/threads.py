"""Threads of messages, as labelers and those who run the work read them."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.urls import reverse

from labeling.base.states import ReviewState
from labeling.people.models import Labeler
from labeling.review.models.reviews import Review, Work
from labeling.review.models.threads import Thread, ThreadMessage
from labeling.writing.answers.queries import prompts_of
from labeling.writing.models import Composition


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
    found = Thread.objects.filter(labeler=labeler).select_related(
        "assignment__prompt", "assignment__campaign", "composition__campaign"
    )
    return found.annotate(last_text=Subquery(last.values("text")[:1])).order_by("-last_message_at")


def thread_about(labeler: Labeler, work: Work | None) -> Thread | None:
    """`work`: None for the thread that is about nothing."""
    if work is None:
        return Thread.objects.filter(labeler=labeler, assignment=None, composition=None).first()
    return Thread.objects.filter(labeler=labeler, **{column_of(work): work}).first()


def column_of(work: Work) -> str:
    """The column of a thread or a review that names such work."""
    return "composition" if isinstance(work, Composition) else "assignment"


def excerpt_of(work: Work) -> tuple[str, str]:
    """(text, language): what it is about, in one line."""
    if not isinstance(work, Composition):
        return work.prompt.last_user_text(), work.prompt.language
    prompts = prompts_of(work)
    return (prompts[0].last_user_text(), prompts[0].language) if prompts else ("", "")


def return_of(work: Work) -> Review | None:
    """The review that returned it, while its labeler has not answered."""
    if work.returned_at is None:
        return None
    return work.reviews.filter(state=ReviewState.RETURNED).first()


@dataclass(frozen=True, kw_only=True)
class ReturnedWork:
    """What a reviewer returned, for the labeler's start page."""

    address: str
    campaign: str
    excerpt: str
    language: str
    reason: str
    returned_at: datetime | None


def returned_to(labeler: Labeler) -> list[ReturnedWork]:
    """What the labeler is to revise or answer, the oldest first."""
    found = Review.objects.filter(
        Q(assignment__labeler=labeler, assignment__returned_at__isnull=False)
        | Q(composition__labeler=labeler, composition__returned_at__isnull=False),
        state=ReviewState.RETURNED,
    )
    return [
        ReturnedWork(
            address=address_of(review.work),
            campaign=review.prompt.campaign.name,
            excerpt=review.prompt.last_user_text(),
            language=review.prompt.language,
            reason=review.text,
            returned_at=review.decided_at,
        )
        for review in found.select_related("assignment", "composition", "prompt__campaign").order_by("decided_at")
        if review.work is not None
    ]


def address_of(work: Work) -> str:
    """Where its labeler reads what they handed in."""
    return reverse("compose" if isinstance(work, Composition) else "submission", args=[work.token])
