"""How much is asked for of prompts and tasks that exist already, when a campaign's numbers change."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Greatest
from django.utils import timezone

from labeling.base.moves import StatefulQuerySet
from labeling.base.states import TaskState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.ranking_tasks.models.tasks import NOT_A_COPY, RankingTask


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """A campaign's numbers."""

    demonstrations_per_prompt: int
    ranking_tasks_per_prompt: int
    rankings_per_task: int
    rankings_per_shared_task: int


def amounts_of(campaign: Campaign) -> Amounts:
    return Amounts(
        demonstrations_per_prompt=campaign.labels_wanted(campaign.demonstrations_per_prompt),
        ranking_tasks_per_prompt=campaign.ranking_tasks_per_prompt,
        rankings_per_task=campaign.labels_wanted(campaign.rankings_per_task),
        rankings_per_shared_task=max(campaign.shared_rankings, campaign.rankings_per_task),
    )


@dataclass(frozen=True, kw_only=True)
class Applied:
    """How many prompts and tasks ask for another number than before."""

    prompts: int
    tasks: int


@transaction.atomic
def apply_to_existing(*, campaign: Campaign, before: Amounts) -> Applied:
    """Prompts and tasks that ask for the campaign's numbers of `before` ask for its present ones.

    What is held or handed in counts: no number falls below that. Those that ask for another number, for which somebody
    had a reason (one ranking more of a doubtful one, a prompt whose author has answered it), keep theirs, and so does
    what came of a chat.
    """
    campaign = Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
    now = amounts_of(campaign)
    prompts = Prompt.objects.filter(campaign=campaign, picked_message=None)
    # Gold is given to labelers as copies alone: its own places stay closed.
    tasks = RankingTask.objects.filter(NOT_A_COPY, gold_item=None, campaign=campaign, prompt__picked_message=None)
    wanted = [
        _change(
            prompts.exclude(author__isnull=False, demonstrations_needed=0),
            "demonstrations_needed",
            F("demonstrations_open") + F("demonstrations_done"),
            old=before.demonstrations_per_prompt,
            new=now.demonstrations_per_prompt,
        ),
        _change(
            prompts.exclude(author__isnull=False, ranking_tasks_needed=0),
            "ranking_tasks_needed",
            F("ranking_tasks_made"),
            old=before.ranking_tasks_per_prompt,
            new=now.ranking_tasks_per_prompt,
        ),
    ]
    shared = tasks.filter(shared=True)
    changed = _change_tasks(tasks.filter(shared=False), old=before.rankings_per_task, new=now.rankings_per_task)
    changed += _change_tasks(shared, old=before.rankings_per_shared_task, new=now.rankings_per_shared_task)
    return Applied(prompts=max(wanted), tasks=changed)


def _change(rows: QuerySet[Prompt], column: str, taken: Combinable, *, old: int, new: int) -> int:
    if old == new:
        return 0
    return rows.filter(**{column: old}).update(**{column: Greatest(Value(new), taken)})


def _change_tasks(tasks: StatefulQuerySet[RankingTask], *, old: int, new: int) -> int:
    if old == new:
        return 0
    of_old = tasks.filter(rankings_needed=old)
    # Those that were done wait again, but for prompts that somebody set aside.
    done = Q(state=TaskState.DONE)
    reopened = 0
    if new > old:
        again = of_old.filter(done, prompt__set_aside_reason="")
        reopened = again.move(to=TaskState.READY, rankings_needed=new, ready_at=timezone.now())
    changed = of_old.exclude(done).update(rankings_needed=Greatest(Value(new), F("rankings_open") + F("rankings_done")))
    # With fewer asked for, some have all that they need.
    tasks.filter(state=TaskState.READY, rankings_done=F("rankings_needed")).move(to=TaskState.DONE)
    return reopened + changed
