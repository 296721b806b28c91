"""Gold items: made of ranking tasks, edited, retired. What was measured by them stays as it was."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from labeling.base.refusals import GoldRefused
from labeling.base.states import CampaignStage, GoldState, TaskState
from labeling.quality.gold.models import GoldAnswer, GoldItem, GoldVersion
from labeling.quality.gold.rules import Pair, Ranks, pairs_to_hold, tied_of, tiers_of
from labeling.ranking_tasks.models.tasks import RankingTask


@dataclass(frozen=True, kw_only=True)
class RightAnswer:
    """`ranks` and `flags` by completion id. Pairs that are at least `apart` ranks apart must hold (None: no others than
    `pairs`), and those of `pairs`, each in either order.
    """

    ranks: Ranks
    flags: Mapping[int, Sequence[str]] = field(default_factory=dict)
    apart: int | None = 1
    pairs: Collection[Pair] = ()
    reason: str = ""


@transaction.atomic
def make_gold(*, task: RankingTask, answer: RightAnswer, by: User | None) -> GoldItem:
    """The task is gold from now on, with version 1 of its answer.

    In a campaign of real work its own places are closed: labelers meet it as a check from now on, and whoever holds it
    may finish. In screening and practice it stays in the queue, and everybody who ranks it is measured.

    Raises GoldRefused: it is gold already, a copy, not in use, or the answer is none.
    """
    task = (
        RankingTask.objects.select_for_update(of=("self",), no_key=True)
        .select_related("prompt", "campaign")
        .get(pk=task.pk)
    )
    if GoldItem.objects.filter(task=task).exists():
        raise GoldRefused(f"Ranking task {task.pk} is gold already. Change its answer on the page of the gold item.")
    if task.copy_of_id is not None:
        raise GoldRefused(f"Ranking task {task.pk} shows task {task.copy_of_id} again. Make that one gold.")
    if task.state not in (TaskState.READY, TaskState.DONE) or task.prompt.set_aside_reason:
        raise GoldRefused(f"Ranking task {task.pk} or its prompt is not in use. Put it back into the queue first.")
    item = GoldItem.objects.create(task=task)
    _write(item, task, answer, by)
    if task.campaign.stage == CampaignStage.WORK and task.state == TaskState.READY:
        _close_places(task)
    return item


@transaction.atomic
def edit_gold(*, item: GoldItem, answer: RightAnswer, by: User | None) -> GoldVersion:
    """A further version. What was handed in before was measured by the one before, and stays so. Raises GoldRefused."""
    item = GoldItem.objects.select_for_update(of=("self",), no_key=True).select_related("task").get(pk=item.pk)
    return _write(item, item.task, answer, by)


@transaction.atomic
def retire_gold(*, item: GoldItem) -> None:
    """Nobody is given it any more; what was measured stays. In screening and practice, whoever holds it may finish.

    Raises IllegalMove: it is retired.
    """
    item.move(to=GoldState.RETIRED)
    task = _locked(item)
    if task.campaign.stage != CampaignStage.WORK and task.state == TaskState.READY:
        _close_places(task)


@transaction.atomic
def use_gold_again(*, item: GoldItem) -> None:
    """Raises IllegalMove: it is in use."""
    item.move(to=GoldState.ACTIVE)
    task = _locked(item)
    if task.campaign.stage == CampaignStage.WORK or task.state not in (TaskState.READY, TaskState.DONE):
        return
    wanted = task.campaign.labels_wanted(1)
    if task.state == TaskState.DONE:
        task.move(to=TaskState.READY, rankings_needed=wanted, ready_at=timezone.now())
    else:
        RankingTask.objects.filter(pk=task.pk).update(rankings_needed=wanted)


def _locked(item: GoldItem) -> RankingTask:
    tasks = RankingTask.objects.select_for_update(of=("self",), no_key=True).select_related("campaign")
    return tasks.get(pk=item.task_id)


def _close_places(task: RankingTask) -> None:
    """Nobody is given the task any more; whoever holds it may finish."""
    RankingTask.objects.filter(pk=task.pk).update(rankings_needed=F("rankings_open") + F("rankings_done"))
    RankingTask.objects.filter(pk=task.pk, rankings_done=F("rankings_needed")).move(to=TaskState.DONE)
    task.refresh_from_db(fields=["state", "rankings_needed"])


def latest_version(item: GoldItem) -> GoldVersion:
    return item.versions.order_by("-version")[0]


def _write(item: GoldItem, task: RankingTask, answer: RightAnswer, by: User | None) -> GoldVersion:
    texts = set(task.completions.values_list("pk", flat=True))
    if set(answer.ranks) != texts:
        raise GoldRefused("The answer must give each completion of the task a rank, and no other. Reload the page.")
    if tied := tied_of(answer.pairs, answer.ranks):
        raise GoldRefused(f"Completions {tied[0]} have the same rank, so no order of them can hold.")
    must_hold = pairs_to_hold(answer.ranks, apart=answer.apart, pairs=answer.pairs)
    if not must_hold and answer.apart is None:
        raise GoldRefused("No pair is ticked, so nothing would have to hold and everybody would pass. Tick one.")
    if not must_hold:
        raise GoldRefused(
            f"No two completions are {answer.apart} or more ranks apart, so nothing would have to hold and everybody "
            "would pass. Choose fewer ranks, put the completions further apart, or tick single pairs."
        )
    flags = {str(completion): sorted(set(keys)) for completion, keys in answer.flags.items() if keys}
    number = item.versions.aggregate(latest=Max("version"))["latest"] or 0
    return GoldVersion.objects.create(
        item=item,
        version=number + 1,
        answer=GoldAnswer(tiers=tiers_of(answer.ranks), flags=flags),
        must_hold=[list(pair) for pair in must_hold],
        reason=answer.reason.strip(),
        made_by=by,
    )
