"""Reviews: asked for, taken, and decided once. A labeler's work is accepted, returned with a reason, or fixed
(fixing.py).

Each decision names the revision that the reviewer saw; one that was replaced meanwhile is looked at again.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from labeling.base.refusals import AlreadyDecided, OwnWork, ReasonMissing, ReviewRefused
from labeling.base.states import CompositionState, ReviewReason, ReviewState
from labeling.campaigns.managers.queries import within_campaigns_of
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import Ranking
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.review.models.reviews import Review, Work
from labeling.review.queries.labels import Label, revision_of
from labeling.review.queries.queue import Sought, free_for, waiting_for
from labeling.review.queries.threads import column_of
from labeling.review.rules import urgency_of
from labeling.review.services.threads import write_as_staff
from labeling.writing.answers.queries import prompts_of
from labeling.writing.models import Composition

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
    return _request(assignment, prompt_id=assignment.prompt_id, reason=reason, note=note, by=by)


@transaction.atomic
def request_review_of_own(
    *, composition: Composition, reason: ReviewReason, note: str = "", by: User | None = None
) -> Review | None:
    """The same of a dialogue, a chat or an own prompt. Raises ReviewRefused: it is an edit, or was not handed in."""
    composition = Composition.objects.select_for_update(no_key=True).get(pk=composition.pk)
    prompts = prompts_of(composition) if composition.state == CompositionState.SUBMITTED else []
    if not prompts:
        raise ReviewRefused("Only a dialogue, a chat or an own prompt that was handed in can be reviewed.")
    return _request(composition, prompt_id=prompts[0].pk, reason=reason, note=note, by=by)


def _request(work: Work, *, prompt_id: int, reason: ReviewReason, note: str, by: User | None) -> Review | None:
    """Of locked work."""
    known = work.reviews.filter(state__in=[ReviewState.WAITING, ReviewState.RETURNED]).first()
    if known is not None:
        return _with_reason(known, reason, note=note, by=by) if known.state == ReviewState.WAITING else None
    return Review.objects.create(
        prompt_id=prompt_id, **{column_of(work): work}, reasons=[reason], urgency=urgency_of([reason]), note=note,
        asked_by=by,
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
    if review.work is not None:
        check_seen(review.work, seen)
    return decide(review, ReviewState.ACCEPTED, reviewer=reviewer, text=text, revision=seen)


@transaction.atomic
def return_to_labeler(*, token: str, reviewer: User, seen: int | None, text: str) -> Review:
    """The labeler gets it back with the reason, and revises or answers. It counts as it is until they revise.

    Raises ReasonMissing, OwnWork, AlreadyDecided, ReviewRefused (nobody is there to revise it), Review.DoesNotExist.
    """
    if not text.strip():
        raise ReasonMissing("Say what is to be changed: the labeler has only that to go by.")
    review = lock_to_decide(token=token, reviewer=reviewer)
    work = _one_labelers(review)
    check_seen(work, seen)
    if not work.labeler.user.is_active:
        raise ReviewRefused("The account of this labeler is closed, so nobody would read it. Accept or fix the work.")
    decide(review, ReviewState.RETURNED, reviewer=reviewer, text=text.strip(), revision=seen)
    write_as_staff(labeler=work.labeler, text=text, by=reviewer, work=work, review=review)
    work.returned_at = review.decided_at
    work.save(update_fields=["returned_at"])
    return review


@transaction.atomic
def take_back(*, token: str, reviewer: User) -> Review:
    """Ends the wait for a labeler who doesn't answer: what was returned waits for a reviewer again.

    Raises AlreadyDecided where the labeler answered meanwhile, OwnWork, Review.DoesNotExist.
    """
    returned = _locked(token, reviewer)
    work = _one_labelers(returned)
    _check_not_own(returned, reviewer)
    if returned.state != ReviewState.RETURNED or work.returned_at is None:
        raise AlreadyDecided("It is not with its labeler any more. Look at the queue.")
    work.returned_at = None
    work.save(update_fields=["returned_at"])
    returned.move(to=ReviewState.WITHDRAWN)
    again = [ReviewReason(reason) for reason in returned.reasons]
    return _follow(returned, again)


def settle_answered() -> int:
    """What labelers revised or answered since it was returned waits for a reviewer again. Returns how many.

    Safe to call at any time; the queue does so before it shows what waits.
    """
    answered = Review.objects.filter(
        state=ReviewState.RETURNED, assignment__returned_at=None, composition__returned_at=None
    )
    return sum(_settle(pk) for pk in answered.values_list("pk", flat=True))


@transaction.atomic
def _settle(pk: int) -> bool:
    locked = Review.objects.select_for_update(no_key=True, of=("self",))
    review = locked.select_related("assignment", "composition").get(pk=pk)
    if review.state != ReviewState.RETURNED or review.work is None or review.work.returned_at is not None:
        return False
    review.move(to=ReviewState.ANSWERED)
    _follow(review, [ReviewReason.ANSWERED])
    return True


def _follow(review: Review, reasons: Sequence[ReviewReason]) -> Review:
    return Review.objects.create(
        prompt_id=review.prompt_id, assignment_id=review.assignment_id, composition_id=review.composition_id,
        reasons=list(reasons), urgency=urgency_of(reasons), note=review.note, asked_by=review.asked_by, follows=review,
    )  # fmt: skip


def lock_to_decide(*, token: str, reviewer: User) -> Review:
    """Locks a review that waits. Raises OwnWork, AlreadyDecided, Review.DoesNotExist (also where they don't see it)."""
    review = _locked(token, reviewer)
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


def _locked(token: str, reviewer: User) -> Review:
    seen = within_campaigns_of(reviewer, Review.objects.all(), "prompt__campaign")
    locked = seen.select_for_update(no_key=True, of=("self",))
    return locked.select_related(
        "assignment__labeler__user", "assignment__campaign", "composition__labeler__user", "composition__campaign",
        "task", "reviewer",
    ).get(token=token)  # fmt: skip


def _check_not_own(review: Review, reviewer: User) -> None:
    if is_own(review, reviewer):
        raise OwnWork("This is your own work, or you ranked this task yourself. Another reviewer has to look at it.")


def is_own(review: Review, reviewer: User) -> bool:
    """Whether the reviewer made what is reviewed, or a part of it."""
    if review.work is not None:
        return review.work.labeler.user_id == reviewer.pk
    return Ranking.objects.filter(task=review.task, labeler__user=reviewer).exists()


def _one_labelers(review: Review) -> Work:
    if review.work is None:
        raise ReviewRefused("Several people ranked this task. Adjudicate it, or accept that they differ.")
    return review.work


def check_seen(work: Work, seen: int | None) -> None:
    """Raises ReviewRefused where another revision counts by now than the reviewer saw."""
    if revision_of(work) != seen:
        raise ReviewRefused("The labeler revised it while you looked at it. Look at the new revision, then decide.")
