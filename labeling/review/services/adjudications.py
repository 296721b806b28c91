"""Several rankings of one task, and the reviewer's order that stands above them."""

from collections.abc import Collection, Mapping

from django.contrib.auth.models import User
from django.db import transaction

from labeling.base.export_lock import while_no_export_looks
from labeling.base.refusals import ReviewRefused
from labeling.base.states import ReviewState
from labeling.desk.ranking.rules.judgements import check_covers
from labeling.desk.ranking.rules.pairs import densify
from labeling.review.models.reviews import AdjudicatedCompletion, Adjudication
from labeling.review.queries.labels import all_of_task
from labeling.review.services.reviews import decide, lock_to_decide


@transaction.atomic
def adjudicate(
    *,
    token: str,
    reviewer: User,
    ranks: Mapping[int, int],
    seen: Collection[int],
    note: str = "",
    none_acceptable: bool = False,
) -> Adjudication:
    """Adds the task's next adjudication; what labelers handed in and earlier adjudications stay as they are.

    `ranks` by completion; gaps close by themselves. `seen`: the ids of the rankings that were looked at. Raises
    InvalidRanking, OwnWork, AlreadyDecided, ReviewRefused (a ranking came or changed meanwhile), Review.DoesNotExist.
    """
    while_no_export_looks()
    review = lock_to_decide(token=token, reviewer=reviewer)
    if review.task is None:
        raise ReviewRefused("This is the work of one labeler; there is nothing to adjudicate.")
    task = review.task
    rankings = all_of_task(task).ids
    if rankings != sorted(seen):
        raise ReviewRefused("A ranking of this task came or changed while you looked. Look again, then decide.")
    check_covers(expected=list(task.completions.values_list("pk", flat=True)), given=list(ranks))
    last = task.adjudications.order_by("-number").first()
    made = Adjudication.objects.create(
        task=task, number=last.number + 1 if last else 1, review=review, adjudicator=reviewer, note=note.strip(),
        none_acceptable=none_acceptable, rankings=rankings,
    )  # fmt: skip
    AdjudicatedCompletion.objects.bulk_create(
        AdjudicatedCompletion(adjudication=made, completion_id=completion, rank=rank)
        for completion, rank in densify(dict(ranks)).items()
    )
    decide(review, ReviewState.ADJUDICATED, reviewer=reviewer, text=note)
    return made
