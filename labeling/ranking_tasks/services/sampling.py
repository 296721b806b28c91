"""Completions for a task: sampled, duplicates replaced a bounded number of times, kept, or the task set aside.

A worker may die between any two lines: what is committed stays, and the task is still in state SAMPLING, so that the
next message for it goes on with the completions that it has.
"""

import logging
import random
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from labeling.base.states import SamplingState, TaskState
from labeling.base.text import clean_text
from labeling.campaigns.rules.completion_counts import K_LOWEST
from labeling.model_versions.models import ModelVersion
from labeling.ranking_tasks.models import Completion, RankingTask, SamplingRun
from labeling.ranking_tasks.rules import text_key
from labeling.ranking_tasks.services.tasks import mark_ready, set_aside
from lm.errors import UnusablePrompt
from sampler.protocol import SampledCompletion, Sampler, SampleRequest

log = logging.getLogger(__name__)

DISPATCH_AGAIN_AFTER = timedelta(minutes=15)
"""A task that was sent to a worker and is still unsampled after this long is sent again: its message was lost."""


@transaction.atomic
def take_undispatched(*, limit: int, reserved: bool, now: datetime | None = None) -> list[int]:
    """Ids of tasks that no worker has been asked to sample (or not lately), marked as asked for now.

    `reserved`: those that one labeler waits for, or all others.
    """
    now = now or timezone.now()
    waiting = RankingTask.objects.select_for_update(skip_locked=True).filter(
        Q(dispatched_at=None) | Q(dispatched_at__lt=now - DISPATCH_AGAIN_AFTER),
        state=TaskState.SAMPLING,
        reserved_for__isnull=not reserved,
    )
    ids = list(waiting.order_by("id").values_list("pk", flat=True)[:limit])
    RankingTask.objects.filter(pk__in=ids).update(dispatched_at=now)
    return ids


def return_undispatched(*, task_ids: Sequence[int]) -> None:
    """The broker could not take the message: the tasks wait for the next round."""
    RankingTask.objects.filter(pk__in=task_ids, state=TaskState.SAMPLING).update(dispatched_at=None)


def sample_tasks(*, task_ids: Sequence[int], model: ModelVersion, sampler: Sampler, resample_limit: int) -> None:
    """Fills the tasks with completions in at most 1 + `resample_limit` rounds. Safe to run again at any time."""
    for round_number in range(1 + resample_limit):
        wanting = _tasks_that_want_more(task_ids)
        if not wanting:
            return
        _sample_round(wanting, model, sampler)
        log.info("sampling round %d of tasks %s done", round_number + 1, [want.task.pk for want in wanting])
    for want in _tasks_that_want_more(task_ids):
        _settle(want.task)


@dataclass(frozen=True)
class _Want:
    task: RankingTask
    missing: int


def _tasks_that_want_more(task_ids: Sequence[int]) -> list[_Want]:
    tasks = RankingTask.objects.select_related("prompt", "campaign").filter(pk__in=task_ids, state=TaskState.SAMPLING)
    wants = [_Want(task, task.k_requested - task.completions.count()) for task in tasks.order_by("pk")]
    for want in wants:
        if want.missing <= 0:
            _settle(want.task)
    return [want for want in wants if want.missing > 0]


def _sample_round(wants: Sequence[_Want], model: ModelVersion, sampler: Sampler) -> None:
    runs = [_start_run(want, model) for want in wants]
    requests = [_request(want.task, run) for want, run in zip(wants, runs, strict=True)]
    try:
        sampled = sampler.sample(requests)
    except UnusablePrompt as unusable:
        _set_aside_unusable(wants, runs, model, sampler, unusable)
        return
    except Exception as failure:
        for run in runs:
            _finish_run(run, SamplingState.FAILED, error=f"{type(failure).__name__}: {failure}")
        raise
    for want, run, completions in zip(wants, runs, sampled, strict=True):
        _keep(want.task, run, completions)


def _start_run(want: _Want, model: ModelVersion) -> SamplingRun:
    campaign = want.task.campaign
    return SamplingRun.objects.create(
        task=want.task,
        model_version=model,
        requested=want.missing,
        temperature=campaign.temperature,
        top_p=campaign.top_p,
        max_new_tokens=campaign.max_new_tokens,
        seed=random.getrandbits(31),
        worker=socket.gethostname(),
    )


def _request(task: RankingTask, run: SamplingRun) -> SampleRequest:
    campaign = task.campaign
    assert run.seed is not None  # set by _start_run
    return SampleRequest(
        messages=task.prompt.messages,
        num_completions=run.requested,
        seed=run.seed,
        temperature=campaign.temperature,
        top_p=campaign.top_p,
        max_new_tokens=campaign.max_new_tokens,
    )


def _set_aside_unusable(
    wants: Sequence[_Want],
    runs: Sequence[SamplingRun],
    model: ModelVersion,
    sampler: Sampler,
    unusable: UnusablePrompt,
) -> None:
    """The model can't take a prompt of the batch: each task is sampled alone, and only that one is set aside."""
    for run in runs:
        _finish_run(run, SamplingState.FAILED, error=str(unusable))
    if len(wants) == 1:
        _set_aside_if_sampling(wants[0].task, reason=f"{unusable} (model {model})")
        return
    for want in wants:
        _sample_round([want], model, sampler)


@transaction.atomic
def _keep(task: RankingTask, run: SamplingRun, completions: Sequence[SampledCompletion]) -> None:
    locked = RankingTask.objects.select_for_update(no_key=True).get(pk=task.pk)
    kept = 0
    if locked.state == TaskState.SAMPLING:
        taken = set(locked.completions.values_list("text_key", flat=True))
        for completion in completions:
            kept += _keep_one(locked, run, completion, taken)
    _finish_run(run, SamplingState.DONE, duplicates_dropped=len(completions) - kept)


def _keep_one(task: RankingTask, run: SamplingRun, completion: SampledCompletion, taken: set[str]) -> int:
    text = clean_text(completion.text.replace("\0", "\N{REPLACEMENT CHARACTER}"))
    key = text_key(text)
    if not text.strip() or key in taken or len(taken) >= task.k_requested:
        return 0
    taken.add(key)
    Completion.objects.create(
        task=task,
        run=run,
        text=text,
        text_key=key,
        token_count=completion.token_count,
        finish_reason=completion.finish_reason,
        mean_logprob=completion.mean_logprob,
        seed=completion.seed,
    )
    return 1


def _finish_run(run: SamplingRun, state: SamplingState, *, error: str = "", duplicates_dropped: int = 0) -> None:
    run.state, run.error, run.duplicates_dropped = state, error[:2000], duplicates_dropped
    run.finished_at = timezone.now()
    run.save(update_fields=["state", "error", "duplicates_dropped", "finished_at"])


@transaction.atomic
def _settle(task: RankingTask) -> None:
    """Ready with what it has, if that is at least 4; otherwise set aside."""
    task = RankingTask.objects.select_for_update(no_key=True).get(pk=task.pk)
    if task.state != TaskState.SAMPLING:
        return  # another worker was quicker
    count = task.completions.count()
    if count >= K_LOWEST:
        mark_ready(task)
    else:
        set_aside(
            task,
            reason=f"Only {count} distinct completions could be sampled, and a ranking needs {K_LOWEST}. "
            "Raise the campaign's temperature, or set the prompt aside.",
        )


@transaction.atomic
def _set_aside_if_sampling(task: RankingTask, *, reason: str) -> None:
    task = RankingTask.objects.select_for_update(no_key=True).get(pk=task.pk)
    if task.state == TaskState.SAMPLING:
        set_aside(task, reason=reason)
