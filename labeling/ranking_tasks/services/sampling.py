"""Completions for a task: sampled, duplicates replaced a bounded number of times, kept, or the task set aside.

A worker may die between any two lines: what is committed stays, and the task is still in state SAMPLING, so that the
next message for it goes on with the completions that it has.
"""

import logging
import random
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from labeling.base.attempts import Attempts
from labeling.base.outbox import PEOPLE_WAIT, Outbox
from labeling.base.states import SamplingState, TaskState
from labeling.base.text import LONGEST_ERROR, clean_answer
from labeling.model_versions.models import ModelVersion
from labeling.ranking_tasks.models import Completion, RankingTask, SamplingRun
from labeling.ranking_tasks.rules import text_key
from labeling.ranking_tasks.services.tasks import mark_ready, set_aside
from lm.errors import UnusablePrompt
from lm.snapshot.records import RANKED_LOWEST
from sampler.protocol import SampledCompletion, Sampler, SampleRequest

log = logging.getLogger(__name__)

SAMPLE = "labeling.tasks.sample_completions"
SEND_AGAIN_AFTER = timedelta(minutes=15)
RESERVED_TASKS = Outbox(
    model=RankingTask,
    waiting=Q(state=TaskState.SAMPLING, reserved_for__isnull=False),
    task=SAMPLE,
    send_again_after=SEND_AGAIN_AFTER,
    rows_a_message=lambda: 1,
    queue=PEOPLE_WAIT,
)
"""Tasks that one labeler waits for: each in a message of its own, before all others."""
OTHER_TASKS = Outbox(
    model=RankingTask,
    waiting=Q(state=TaskState.SAMPLING, reserved_for=None),
    task=SAMPLE,
    send_again_after=SEND_AGAIN_AFTER,
    rows_a_message=lambda: settings.SAMPLING_PROMPTS_PER_BATCH,
    takes_turns="campaign_id",
)


def send_unsampled() -> int:
    """Asks workers for every task that waits to be sampled. Returns how many were sent."""
    return RESERVED_TASKS.send() + OTHER_TASKS.send()


def put_back_unsampled(task_ids: Sequence[int]) -> None:
    """No worker samples them for now: they wait for the next round."""
    for outbox in (RESERVED_TASKS, OTHER_TASKS):
        outbox.put_back(task_ids)


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
    text = clean_answer(completion.text.replace("\0", "\N{REPLACEMENT CHARACTER}"))
    key = text_key(text)
    if not text or key in taken or len(taken) >= task.k_requested:
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
        token_ids=list(completion.token_ids) or None,
        logprobs=list(completion.logprobs) or None,
    )
    return 1


def _finish_run(run: SamplingRun, state: SamplingState, *, error: str = "", duplicates_dropped: int = 0) -> None:
    run.move(to=state, error=error[:LONGEST_ERROR], duplicates_dropped=duplicates_dropped, finished_at=timezone.now())


def _end_runs_of_dead_workers(task_ids: Sequence[int]) -> None:
    SamplingRun.objects.filter(task__in=task_ids).move(
        to=SamplingState.FAILED, error="Its worker died in the middle of it.", finished_at=timezone.now()
    )


@transaction.atomic
def _settle(task: RankingTask) -> None:
    """Ready with what it has, if that is at least 4; otherwise set aside."""
    task = RankingTask.objects.select_for_update(no_key=True).get(pk=task.pk)
    if task.state != TaskState.SAMPLING:
        return  # another worker was quicker
    count = task.completions.count()
    if count >= RANKED_LOWEST:
        mark_ready(task)
    else:
        set_aside(
            task,
            reason=f"Only {count} distinct completions could be sampled, and a ranking needs {RANKED_LOWEST}. "
            "Raise the campaign's temperature, or set the prompt aside.",
        )


@transaction.atomic
def _set_aside_if_sampling(task: RankingTask, *, reason: str) -> None:
    task = RankingTask.objects.select_for_update(no_key=True).get(pk=task.pk)
    if task.state == TaskState.SAMPLING:
        set_aside(task, reason=reason)


SAMPLING_ATTEMPTS = Attempts(
    task=SAMPLE,
    give_up=lambda task_id, reason: _set_aside_if_sampling(RankingTask(pk=task_id), reason=reason),
    worker_died=_end_runs_of_dead_workers,
)
