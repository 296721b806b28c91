"""A labeler's work, fixed by a reviewer: the reviewer's revision counts, and the labeler's stays before it."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction

from labeling.base.refusals import ReviewRefused
from labeling.base.states import ReviewState
from labeling.desk.demonstrating.services import fix_demonstration
from labeling.desk.models import Assignment
from labeling.desk.ranking.services import Judgement, fix_ranking
from labeling.review.models.reviews import Review, Work
from labeling.review.queries.labels import revision_of
from labeling.review.services.reviews import check_seen, decide, lock_to_decide
from labeling.review.services.threads import write_as_staff
from labeling.writing.answers.services import fix_answers


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
    assignment = _handed_out(review)
    check_seen(assignment, seen)
    fixed = fix_ranking(
        assignment=assignment, judgements=judgements, by=reviewer, note=note, strengths=strengths,
        none_acceptable=none_acceptable,
    )  # fmt: skip
    return _fixed(review, assignment, reviewer, None if fixed is None else fixed.revision, text)


@transaction.atomic
def fix_demonstration_of(*, token: str, reviewer: User, seen: int | None, demonstration: str, text: str = "") -> Review:
    """The same of a demonstration. Raises EmptyText, UnstorableText, ReviewRefused, and what `accept` raises."""
    review = lock_to_decide(token=token, reviewer=reviewer)
    assignment = _handed_out(review)
    check_seen(assignment, seen)
    fixed = fix_demonstration(assignment=assignment, text=demonstration, by=reviewer)
    return _fixed(review, assignment, reviewer, None if fixed is None else fixed.revision, text)


@transaction.atomic
def fix_answers_of(*, token: str, reviewer: User, seen: int | None, answers: Sequence[str], text: str = "") -> Review:
    """The same of the answers of own writing, in the order of `answers_of`. Raises what fix_demonstration_of raises."""
    review = lock_to_decide(token=token, reviewer=reviewer)
    if review.composition is None:
        raise ReviewRefused("This was handed out to its labeler; there are no answers of their own writing.")
    check_seen(review.composition, seen)
    fixed = fix_answers(composition=review.composition, texts=answers, by=reviewer)
    return _fixed(review, review.composition, reviewer, revision_of(review.composition) if fixed else None, text)


def _fixed(review: Review, work: Work, reviewer: User, revision: int | None, text: str) -> Review:
    if revision is None:
        raise ReviewRefused("Nothing is changed. Accept the work as it is, or change it first.")
    decide(review, ReviewState.FIXED, reviewer=reviewer, text=text, revision=revision)
    if text.strip():
        write_as_staff(labeler=work.labeler, text=text, by=reviewer, work=work, review=review)
    return review


def _handed_out(review: Review) -> Assignment:
    if review.assignment is None:
        raise ReviewRefused("This is no ranking or demonstration that was handed out to one labeler.")
    return review.assignment
