"""Prompts and ranking tasks that an admin takes out of the queue, with a reason, and puts back.

What a labeler holds already may be finished: nobody loses work to an admin's decision.
"""

from django.db import transaction

from labeling.base.refusals import NotSetAside, ReasonMissing
from labeling.base.states import TaskState
from labeling.campaigns.models.prompts import Prompt
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.ranking_tasks.services.tasks import mark_ready, set_aside
from lm.snapshot.records.constants import RANKED_LOWEST


@transaction.atomic
def set_task_aside(*, task: RankingTask, reason: str) -> None:
    """No labeler is offered the task any more. Raises ReasonMissing, IllegalMove when it is done or aside already."""
    _check_reason(reason)
    set_aside(RankingTask.objects.select_for_update(no_key=True).get(pk=task.pk), reason=reason.strip())


@transaction.atomic
def restore_task(*, task: RankingTask) -> RankingTask:
    """Back into the queue: ready where it has enough completions, otherwise sampled anew.

    Raises NotSetAside: the task isn't, or its prompt still is.
    """
    task = RankingTask.objects.select_for_update(of=("self",), no_key=True).select_related("prompt").get(pk=task.pk)
    if task.state != TaskState.SET_ASIDE:
        raise NotSetAside(f"Ranking task {task.pk} is {task.state}, not set aside.")
    if task.prompt.set_aside_reason:
        raise NotSetAside(f"Prompt {task.prompt_id} is set aside; put the prompt back and its tasks come with it.")
    _restore(task)
    return task


@transaction.atomic
def set_prompt_aside(*, prompt: Prompt, reason: str) -> None:
    """No work is handed out for the prompt any more: its open tasks go aside with it. Raises ReasonMissing."""
    _check_reason(reason)
    prompt = Prompt.objects.select_for_update(no_key=True).get(pk=prompt.pk)
    prompt.set_aside_reason = reason.strip()
    prompt.save(update_fields=["set_aside_reason"])
    open_tasks = prompt.ranking_tasks.filter(state__in=[TaskState.SAMPLING, TaskState.READY])
    for task in open_tasks.select_for_update(no_key=True).order_by("pk"):
        set_aside(task, reason=_with_its_prompt(prompt))


@transaction.atomic
def restore_prompt(*, prompt: Prompt) -> None:
    """Work is handed out again, and the tasks that went aside with the prompt come back.

    Raises NotSetAside, also for a prompt that whoever wrote it withdrew.
    """
    prompt = Prompt.objects.select_for_update(no_key=True).get(pk=prompt.pk)
    if not prompt.set_aside_reason:
        raise NotSetAside(f"Prompt {prompt.pk} is not set aside.")
    if prompt.exclusions.filter(ended_at=None).exists():
        raise NotSetAside(f"Whoever wrote prompt {prompt.pk} withdrew it, so that no work is handed out for it again.")
    prompt.set_aside_reason = ""
    prompt.save(update_fields=["set_aside_reason"])
    gone_with_it = prompt.ranking_tasks.filter(state=TaskState.SET_ASIDE, set_aside_reason=_with_its_prompt(prompt))
    for task in gone_with_it.select_for_update(no_key=True).order_by("pk"):
        _restore(task)


def _with_its_prompt(prompt: Prompt) -> str:
    return f"Prompt {prompt.pk} was set aside."


def _restore(task: RankingTask) -> None:
    enough = task.k is not None if task.one_each else task.completions.count() >= RANKED_LOWEST
    if task.given or enough:
        mark_ready(task)
        if task.rankings_done == task.rankings_needed:  # its last ranking came in while it was aside
            task.move(to=TaskState.DONE)
    else:
        task.move(to=TaskState.SAMPLING, set_aside_reason="", dispatched_at=None)


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissing("Say why: whoever finds it set aside later has only the reason to go by.")
