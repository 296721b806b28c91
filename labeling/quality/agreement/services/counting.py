"""Agreement is counted when work is handed in, for its task alone; `rebuild_agreement` counts all of it anew."""

from collections.abc import Collection, Iterator, Sequence

from django.db import transaction
from django.db.models import Q, QuerySet

from labeling.base.states import CampaignStage, CheckKind
from labeling.desk.ranking.models import Ranking
from labeling.desk.ranking.rules.judgements import QUALITY_HIGHEST
from labeling.quality.agreement.models import CompletionAgreement, Partner, RankingAgreement
from labeling.quality.agreement.queries.rankings import CountedRanking, counted_rankings, held_against
from labeling.quality.agreement.rules.pairs import compare
from labeling.quality.consensus.rules import ranked_pairs
from labeling.quality.gold.models import Check
from labeling.ranking_tasks.models import RankingTask

TASKS_AT_ONCE = 500
"""Of a rebuild: its memory and the time for which rows are locked don't grow with the database."""
FEWEST_FOR_CONSENSUS = 2
"""Others: the consensus of a single one is that labeler."""


def count_agreement(ranking: Ranking) -> None:
    """Counts what a ranking that was just written changes: the rows of its labeler and its task.

    Called in the transaction of the hand-in. The task's row is locked, so that of two who hand in at one moment the
    second sees the first.
    """
    task = (
        RankingTask.objects.select_for_update(of=("self",), no_key=True)
        .select_related("campaign")
        .get(pk=ranking.task_id)
    )
    if task.campaign.stage != CampaignStage.WORK:
        return
    if task.copy_of_id is not None:
        _count_check(ranking)
        return
    if not Ranking.objects.filter(task=task).exclude(labeler=ranking.labeler_id).exists():
        return  # most tasks are ranked by one labeler
    rankings = counted_rankings([task.pk])[task.pk]
    own = Q(labeler=ranking.labeler_id) | Q(partner=ranking.labeler_id) | ~Q(partner_kind=Partner.LABELER)
    RankingAgreement.objects.filter(own, task=task).delete()
    RankingAgreement.objects.bulk_create(_rows(task.pk, rankings, of=ranking.labeler_id))
    CompletionAgreement.objects.bulk_create(
        _completions(task.pk, rankings),
        update_conflicts=True,
        unique_fields=["completion"],
        update_fields=["compared_at", "ranks", "qualities", "flags"],
    )


def _count_check(ranking: Ranking) -> None:
    """A check is held against gold, or against what its labeler said before, once: as it was first handed in."""
    if ranking.revision == 1:
        RankingAgreement.objects.bulk_create(_check_rows([ranking.task_id]))


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
    list(RankingTask.objects.select_for_update(no_key=True).filter(pk__in=tasks).order_by("pk").values_list("pk"))
    RankingAgreement.objects.filter(**between).delete()
    CompletionAgreement.objects.filter(**between).delete()
    checks = set(RankingTask.objects.filter(pk__in=tasks, copy_of__isnull=False).values_list("pk", flat=True))
    RankingAgreement.objects.bulk_create(_check_rows(checks))
    by_task = counted_rankings(set(tasks) - checks)
    RankingAgreement.objects.bulk_create(
        row for task, rankings in by_task.items() if len(rankings) > 1 for row in _rows(task, rankings)
    )
    CompletionAgreement.objects.bulk_create(
        row for task, rankings in by_task.items() if len(rankings) > 1 for row in _completions(task, rankings)
    )


def _rows(task: int, rankings: Sequence[CountedRanking], *, of: int | None = None) -> Iterator[RankingAgreement]:
    """All rows of a task, or those that a hand-in of the labeler `of` changes."""
    for one in rankings:
        others = [each for each in rankings if each is not one]
        for other in others:
            if of in {None, one.labeler, other.labeler}:
                yield _row(task, one, other)
        if len(others) >= FEWEST_FOR_CONSENSUS:
            consensus = ranked_pairs([each.ranks for each in others]).ranks
            yield _row(task, one, CountedRanking(
                labeler=0, submitted_at=max(each.submitted_at for each in others), strengths=None, flags_asked=[],
                ranks=consensus, qualities={}, flags={},
            ), kind=Partner.CONSENSUS)  # fmt: skip


def _check_rows(tasks: Collection[int]) -> Iterator[RankingAgreement]:
    """The rows of checks that were handed in, by what was in force then."""
    for check in Check.objects.filter(task__in=tasks).select_related("item", "earlier").order_by("task"):
        first = Ranking.objects.first_submissions().filter(task=check.task_id, labeler=check.labeler_id).first()
        if first is not None:
            own, partner = held_against(check, first)
            kind = Partner.GOLD if check.kind == CheckKind.GOLD else Partner.SELF
            yield _row(check.task_id, own, partner, kind=kind)


def _row(task: int, one: CountedRanking, other: CountedRanking, *, kind: Partner = Partner.LABELER) -> RankingAgreement:
    counts = compare(one.ranks, other.ranks, first_strengths=one.strengths, second_strengths=other.strengths)
    both = sorted(one.qualities.keys() & other.qualities.keys())
    own, theirs = [one.qualities[each] for each in both], [other.qualities[each] for each in both]
    return RankingAgreement(
        task_id=task,
        labeler_id=one.labeler,
        partner_kind=kind,
        partner_id=other.labeler if kind == Partner.LABELER else None,
        compared_at=max(one.submitted_at, other.submitted_at),
        same=counts.same,
        opposed=counts.opposed,
        tied_by_labeler=counts.tied_by_first,
        tied_by_partner=counts.tied_by_second,
        tied_by_both=counts.tied_by_both,
        same_by_strength=counts.same_by_strength,
        opposed_by_strength=counts.opposed_by_strength,
        tau=counts.tau_b(),
        flags=sorted(one.all_flags | other.all_flags),
        rated=len(both),
        own_rating=sum(own),
        own_squares=sum(each * each for each in own),
        their_rating=sum(theirs),
        their_squares=sum(each * each for each in theirs),
    )


def _completions(task: int, rankings: Sequence[CountedRanking]) -> Iterator[CompletionAgreement]:
    asked = sorted({flag for ranking in rankings for flag in ranking.flags_asked})
    for completion in rankings[0].ranks:
        ranks, qualities = [0] * len(rankings[0].ranks), [0] * QUALITY_HIGHEST
        for ranking in rankings:
            ranks[ranking.ranks[completion] - 1] += 1
            if completion in ranking.qualities:
                qualities[ranking.qualities[completion] - 1] += 1
        yield CompletionAgreement(
            completion_id=completion,
            task_id=task,
            compared_at=max(ranking.submitted_at for ranking in rankings),
            ranks=ranks,
            qualities=qualities,
            flags={flag: _set_by(flag, completion, rankings) for flag in asked},
        )


def _set_by(flag: str, completion: int, rankings: Sequence[CountedRanking]) -> list[int]:
    """[how many who were asked did not set the flag, how many did]."""
    said = [flag in ranking.flags[completion] for ranking in rankings if flag in ranking.flags_asked]
    return [said.count(False), said.count(True)]
