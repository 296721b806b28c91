"""Agreement is counted when work is handed in, for its task alone; `rebuild_agreement` counts all of it anew."""

from collections.abc import Collection, Iterator

from django.db import transaction
from django.db.models import Q, QuerySet

from labeling.base.fast_paths.agreement import (
    delete_replaced,
    lock_tasks,
    write_completion_agreements,
    write_ranking_agreements,
)
from labeling.base.states import CampaignStage, CheckKind
from labeling.desk.ranking.models import Ranking
from labeling.quality.agreement.models import CompletionAgreement, RankingAgreement
from labeling.quality.agreement.queries.rankings import counted_rankings, held_against
from labeling.quality.agreement.rules.rows import Kind, RankingAgreementRow, completion_rows, row_of, rows_between
from labeling.quality.gold.models import Check
from labeling.ranking_tasks.models.tasks import RankingTask

TASKS_AT_ONCE = 500
"""Of a rebuild: its memory and the time for which rows are locked don't grow with the database."""


def count_agreement(ranking: Ranking) -> None:
    """Counts what a ranking that was just written changes: the rows of its labeler and its task.

    Called in the transaction of the hand-in.
    """
    if ranking.assignment.campaign.stage != CampaignStage.WORK:
        return
    if ranking.task.copy_of_id is not None:
        # A check is held against gold, or against what its labeler said before, once: as it was first handed in.
        if ranking.revision == 1:
            write_ranking_agreements(list(_check_rows([ranking.task_id])))
        return
    if ranking.task.rankings_needed == 1:
        return  # most tasks are ranked by one labeler
    lock_tasks([ranking.task_id])
    rankings = counted_rankings([ranking.task_id])[ranking.task_id]
    if len(rankings) > 1:
        delete_replaced(task_id=ranking.task_id, labeler_id=ranking.labeler_id)
        write_ranking_agreements(list(rows_between(ranking.task_id, rankings, of=ranking.labeler_id)))
        write_completion_agreements(list(completion_rows(ranking.task_id, rankings)))


def rebuild_agreement() -> Iterator[int]:
    """Counts all agreement anew, TASKS_AT_ONCE tasks in a transaction; yields how many tasks are done so far.

    People may go on handing in. Rows of tasks that are shared no more go.
    """
    done = last = 0
    while True:
        shared = list(_shared_tasks(after=last))
        with transaction.atomic():
            until = {"task_id__lte": shared[-1]} if len(shared) == TASKS_AT_ONCE else {}
            _count_anew(shared, between={"task_id__gt": last} | until)
        done += len(shared)
        yield done
        if not until:
            return
        last = shared[-1]


def _shared_tasks(*, after: int) -> QuerySet[RankingTask, int]:
    """The ids of the next tasks of real work that more than one labeler ranked, or that are checks; in order."""
    tasks = RankingTask.objects.filter(
        Q(rankings_done__gt=1, copy_of=None) | Q(rankings_done__gt=0, copy_of__isnull=False),
        pk__gt=after,
        campaign__stage=CampaignStage.WORK,
    )
    return tasks.order_by("pk").values_list("pk", flat=True)[:TASKS_AT_ONCE]


def _count_anew(tasks: Collection[int], *, between: dict[str, int]) -> None:
    """Counts these tasks, all that are shared of those `between`."""
    lock_tasks(tasks)
    RankingAgreement.objects.filter(**between).delete()
    CompletionAgreement.objects.filter(**between).delete()
    checks = set(RankingTask.objects.filter(pk__in=tasks, copy_of__isnull=False).values_list("pk", flat=True))
    write_ranking_agreements(list(_check_rows(checks)))
    for task, rankings in counted_rankings(set(tasks) - checks).items():
        if len(rankings) > 1:
            write_ranking_agreements(list(rows_between(task, rankings)))
            write_completion_agreements(list(completion_rows(task, rankings)))


def _check_rows(tasks: Collection[int]) -> Iterator[RankingAgreementRow]:
    """The rows of checks that were handed in, by what was in force then."""
    for check in Check.objects.filter(task__in=tasks).select_related("item", "earlier").order_by("task"):
        first = Ranking.objects.first_submissions().filter(task=check.task_id, labeler=check.labeler_id).first()
        if first is not None:
            own, partner = held_against(check, first)
            kind: Kind = "gold" if check.kind == CheckKind.GOLD else "self"
            yield row_of(check.task_id, own, partner, kind=kind)
