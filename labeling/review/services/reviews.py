"""Reviews: asked for, taken, and decided once. A labeler's work is accepted, returned with a reason, or fixed.

Each decision names the revision that the reviewer saw; one that was replaced meanwhile is looked at again.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from labeling.base.refusals import AlreadyDecided, OwnWork, ReasonMissing, ReviewRefused
from labeling.base.states import ReviewReason, ReviewState
from labeling.desk.demonstrating.services import fix_demonstration
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import Ranking
from labeling.desk.ranking.services import Judgement, fix_ranking
from labeling.ranking_tasks.models import RankingTask
from labeling.review.models.reviews import Review
from labeling.review.queries.labels import Label, label_of
from labeling.review.queries.queue import Sought, free_for, waiting_for
from labeling.review.rules import urgency_of
from labeling.review.services.threads import write_as_staff

HELD_FOR = timedelta(minutes=30)
"""How long a review is given to nobody else after a reviewer opened it or saved a draft of it."""


@transaction.atomic
def request_review(*, label: Label, reason: ReviewReason, note: str = "", by: User | None = None) -> Review | None:
    """Puts a label into the queue. One that waits there gets the further reason; None where it is with its labeler.

    Raises ReviewRefused: it was imported or improves a ranking, so nobody can revise it.
    """
    if label.assignment_id is None:
        raise ReviewRefused("Only what was handed out to a labeler can be reviewed; this label came in another way.")
    assignment = Assignment.objects.select_for_update(no_key=True).get(pk=label.assignment_id)
    known = assignment.reviews.filter(state__in=[ReviewState.WAITING, ReviewState.RETURNED]).first()
    if known is not None:
        return _with_reason(known, reason, note=note, by=by) if known.state == ReviewState.WAITING else None
    return Review.objects.create(
        prompt_id=assignment.prompt_id, assignment=assignment, reasons=[reason], urgency=urgency_of([reason]),
        note=note, asked_by=by,
    )  # fmt: skip


@transaction.atomic
def request_adjudication(*, task: RankingTask, reason: ReviewReason, note: str = "", by: User | None = None) -> Review:
    """Puts a task into the queue whose rankings are to be looked at side by side.

    Raises ReviewRefused: fewer than two labelers ranked it.
    """
    task = RankingTask.objects.select_for_update(no_key=True).get(pk=task.pk)
    if Ranking.objects.filter(task=task).values("labeler").distinct().count() < 2:
        raise ReviewRefused("Fewer than two labelers ranked this task, so there is nothing to adjudicate.")
    known = task.reviews.filter(state=ReviewState.WAITING).first()
    if known is not None:
        return _with_reason(known, reason, note=note, by=by)
    return Review.objects.create(
        prompt_id=task.prompt_id, task=task, reasons=[reason], urgency=urgency_of([reason]), note=note, asked_by=by
    )


def _with_reason(review: Review, reason: ReviewReason, *, note: str, by: User | None) -> Review:
    if reason not in review.reasons:
        review.reasons = [*review.reasons, reason]
        review.urgency = urgency_of(review.reasons)
    review.note = "\n".join(filter(None, [review.note, note]))
    review.asked_by = by or review.asked_by
    review.save(update_fields=["reasons", "urgency", "note", "asked_by"])
    return review


@transaction.atomic
def take_next(*, reviewer: User, sought: Sought | None = None) -> Review | None:
    """The next review for the reviewer, held for them for a while; None where none waits. Never their own work."""
    free = free_for(reviewer, waiting_for(reviewer, sought))
    locked = Review.objects.select_for_update(skip_locked=True, no_key=True)
    for pk in free.values_list("pk", flat=True)[:20]:
        review = free_for(reviewer, locked.filter(pk=pk, state=ReviewState.WAITING)).first()
        if review is not None:
            return hold(review, reviewer)
    return None


def hold(review: Review, reviewer: User) -> Review:
    """Others are given other reviews for a while, unless one of them has it already."""
    now = timezone.now()
    free = free_for(reviewer, Review.objects.filter(pk=review.pk, state=ReviewState.WAITING), now=now)
    if free.update(held_by=reviewer, held_until=now + HELD_FOR):
        review.held_by, review.held_until = reviewer, now + HELD_FOR
    return review


@transaction.atomic
def accept(*, token: str, reviewer: User, seen: int | None, text: str = "") -> Review:
    """The work counts as it is; of several rankings, their disagreement is fair and the consensus stands.

    `seen`: the revision of the label that was looked at; None of several rankings. Raises OwnWork, AlreadyDecided,
    ReviewRefused, Review.DoesNotExist.
    """
    review = lock_to_decide(token=token, reviewer=reviewer)
    if review.assignment is not None:
        _check_seen(review.assignment, seen)
    return decide(review, ReviewState.ACCEPTED, reviewer=reviewer, text=text, revision=seen)


@transaction.atomic
def return_to_labeler(*, token: str, reviewer: User, seen: int | None, text: str) -> Review:
    """The labeler gets it back with the reason, and revises or answers. It counts as it is until they revise.

    Raises ReasonMissing, OwnWork, AlreadyDecided, ReviewRefused (nobody is there to revise it), Review.DoesNotExist.
    """
    if not text.strip():
        raise ReasonMissing("Say what is to be changed: the labeler has only that to go by.")
    review = lock_to_decide(token=token, reviewer=reviewer)
    assignment = _one_label(review)
    _check_seen(assignment, seen)
    if not assignment.labeler.user.is_active:
        raise ReviewRefused("The account of this labeler is closed, so nobody would read it. Accept or fix the work.")
    decide(review, ReviewState.RETURNED, reviewer=reviewer, text=text.strip(), revision=seen)
    write_as_staff(labeler=assignment.labeler, text=text, by=reviewer, assignment=assignment, review=review)
    Assignment.objects.filter(pk=assignment.pk).update(returned_at=review.decided_at)
    return review


@transaction.atomic
def fix_ranking_of(
    *,
    token: str,
    reviewer: User,
    seen: int | None,
    judgements: Sequence[Judgement],
    note: str,
    strengths: Sequence[int] | None,
    none_acceptable: bool,
    text: str = "",
) -> Review:
    """The reviewer's ranking is the label's next revision; the labeler's stays before it, and they are told.

    Raises InvalidRanking, ReviewRefused where nothing is changed, and what `accept` raises.
    """
    review = lock_to_decide(token=token, reviewer=reviewer)
    assignment = _one_label(review)
    _check_seen(assignment, seen)
    fixed = fix_ranking(
        assignment=assignment, judgements=judgements, by=reviewer, note=note, strengths=strengths,
        none_acceptable=none_acceptable,
    )  # fmt: skip
    return _fixed(review, assignment, reviewer, None if fixed is None else fixed.revision, text)


@transaction.atomic
def fix_demonstration_of(*, token: str, reviewer: User, seen: int | None, demonstration: str, text: str = "") -> Review:
    """The same of a demonstration. Raises EmptyText, UnstorableText, ReviewRefused, and what `accept` raises."""
    review = lock_to_decide(token=token, reviewer=reviewer)
    assignment = _one_label(review)
    _check_seen(assignment, seen)
    fixed = fix_demonstration(assignment=assignment, text=demonstration, by=reviewer)
    return _fixed(review, assignment, reviewer, None if fixed is None else fixed.revision, text)


def _fixed(review: Review, assignment: Assignment, reviewer: User, revision: int | None, text: str) -> Review:
    if revision is None:
        raise ReviewRefused("Nothing is changed. Accept the work as it is, or change it first.")
    decide(review, ReviewState.FIXED, reviewer=reviewer, text=text, revision=revision)
    if text.strip():
        write_as_staff(labeler=assignment.labeler, text=text, by=reviewer, assignment=assignment, review=review)
    return review


@transaction.atomic
def take_back(*, token: str, reviewer: User) -> Review:
    """Ends the wait for a labeler who doesn't answer: what was returned waits for a reviewer again.

    Raises AlreadyDecided where the labeler answered meanwhile, OwnWork, Review.DoesNotExist.
    """
    returned = _locked(token)
    assignment = _one_label(returned)
    _check_not_own(returned, reviewer)
    if returned.state != ReviewState.RETURNED or assignment.returned_at is None:
        raise AlreadyDecided("It is not with its labeler any more. Look at the queue.")
    Assignment.objects.filter(pk=assignment.pk).update(returned_at=None)
    returned.move(to=ReviewState.WITHDRAWN)
    again = [ReviewReason(reason) for reason in returned.reasons]
    return _follow(returned, again)


def settle_answered() -> int:
    """What labelers revised or answered since it was returned waits for a reviewer again. Returns how many.

    Safe to call at any time; the queue does so before it shows what waits.
    """
    answered = Review.objects.filter(state=ReviewState.RETURNED, assignment__returned_at=None)
    return sum(_settle(pk) for pk in answered.values_list("pk", flat=True))


@transaction.atomic
def _settle(pk: int) -> bool:
    review = Review.objects.select_for_update(no_key=True, of=("self",)).select_related("assignment").get(pk=pk)
    if review.state != ReviewState.RETURNED or review.assignment is None or review.assignment.returned_at is not None:
        return False
    review.move(to=ReviewState.ANSWERED)
    _follow(review, [ReviewReason.ANSWERED])
    return True


def _follow(review: Review, reasons: Sequence[ReviewReason]) -> Review:
    return Review.objects.create(
        prompt_id=review.prompt_id, assignment_id=review.assignment_id, reasons=list(reasons),
        urgency=urgency_of(reasons), note=review.note, asked_by=review.asked_by, follows=review,
    )  # fmt: skip


def lock_to_decide(*, token: str, reviewer: User) -> Review:
    """Locks a review that waits. Raises OwnWork, AlreadyDecided, Review.DoesNotExist."""
    review = _locked(token)
    _check_not_own(review, reviewer)
    if review.state != ReviewState.WAITING:
        by = f" by {review.reviewer}" if review.reviewer else ""
        raise AlreadyDecided(f"This was decided already{by}: {review.get_state_display()}. Nothing was changed.")
    return review


def decide(review: Review, state: ReviewState, *, reviewer: User, text: str, revision: int | None = None) -> Review:
    """Writes the decision of a locked review."""
    return review.move(
        to=state, reviewer=reviewer, decided_at=timezone.now(), text=text.strip(), revision=revision, held_by=None,
        held_until=None,
    )  # fmt: skip


def _locked(token: str) -> Review:
    locked = Review.objects.select_for_update(no_key=True, of=("self",))
    return locked.select_related("assignment__labeler__user", "assignment__campaign", "task", "reviewer").get(
        token=token
    )


def _check_not_own(review: Review, reviewer: User) -> None:
    if is_own(review, reviewer):
        raise OwnWork("This is your own work, or you ranked this task yourself. Another reviewer has to look at it.")


def is_own(review: Review, reviewer: User) -> bool:
    """Whether the reviewer made what is reviewed, or a part of it."""
    if review.assignment is not None:
        return review.assignment.labeler.user_id == reviewer.pk
    return Ranking.objects.filter(task=review.task, labeler__user=reviewer).exists()


def _one_label(review: Review) -> Assignment:
    if review.assignment is None:
        raise ReviewRefused("Several people ranked this task. Adjudicate it, or accept that they differ.")
    return review.assignment


def _check_seen(assignment: Assignment, seen: int | None) -> None:
    if label_of(assignment).revision != seen:
        raise ReviewRefused("The labeler revised it while you looked at it. Look at the new revision, then decide.")
