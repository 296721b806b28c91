"""Completions for a task: sampled, duplicates replaced a bounded number of times, kept, or the task set aside.

A worker may die between any two lines: what is committed stays, and the task is still in state SAMPLING, so that the
next message for it goes on with the completions that it has.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from labeling.base.attempts import Attempts
from labeling.base.outbox import PEOPLE_WAIT, Outbox
from labeling.base.states import SamplingState, TaskState
from labeling.campaigns.models.campaigns import Campaign
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.queries import why_unusable
from labeling.model_versions.services.trying import note_unusable, sample_once
from labeling.ranking_tasks.models.sampling import SamplingRun
from labeling.ranking_tasks.models.tasks import ALL_THE_SAME, RankingTask
from labeling.ranking_tasks.planning.rules import in_flight
from labeling.ranking_tasks.services.sampling_runs import (
    Picker,
    end_runs_of_dead_workers,
    fail_runs,
    keep,
    picked,
    report,
    request_of,
    start_run,
)
from labeling.ranking_tasks.services.slots import Slot, add_demonstration, missing_slots, versions_of
from labeling.ranking_tasks.services.tasks import mark_ready, set_aside
from lm.errors import UnusablePrompt
from lm.snapshot.records.constants import DISTINCT_LOWEST, RANKED_LOWEST
from rm_trainer.protocol import Rewarder
from sampler.protocol import CannotSample, ModelFault, Sampler

log = logging.getLogger(__name__)

SAMPLE = "labeling.tasks.sample_completions"
SEND_AGAIN_AFTER = timedelta(minutes=15)
LATELY = timedelta(minutes=5)
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
    rows_a_message=lambda: settings.SAMPLING_PROMPTS_PER_BATCH or 1,
    takes_turns="campaign_id",
    comes_first=lambda: dict(Campaign.objects.exclude(priority=0).values_list("pk", "priority")),
    in_flight=lambda: in_flight(_ready_per_minute()),
)


def _ready_per_minute() -> float:
    """Tasks that got completions lately."""
    since = timezone.now() - LATELY
    done = SamplingRun.objects.filter(imported_model_name="", finished_at__gte=since, state=SamplingState.DONE)
    return done.values("task").distinct().count() / (LATELY / timedelta(minutes=1))


def send_unsampled() -> int:
    """Asks workers for every task that waits to be sampled. Returns how many were sent."""
    return RESERVED_TASKS.send() + OTHER_TASKS.send()


def with_more(task_ids: Sequence[int], at_once: int) -> list[int]:
    """The tasks of a message, and of those that wait for any worker so many that they are `at_once`.

    Nothing is added to a task that one labeler waits for.
    """
    lacking = at_once - len(task_ids)
    if lacking <= 0 or RankingTask.objects.filter(pk__in=task_ids).exclude(reserved_for=None).exists():
        return list(task_ids)
    return list(dict.fromkeys([*task_ids, *OTHER_TASKS.take(at_most=lacking)]))


def put_back_unsampled(task_ids: Sequence[int]) -> None:
    """No worker samples them for now: they wait for the next round."""
    for outbox in (RESERVED_TASKS, OTHER_TASKS):
        outbox.put_back(task_ids)


def recover() -> None:
    """What workers that were killed had in hand waits for the next round."""
    put_back_unsampled(end_runs_of_dead_workers())


@dataclass(frozen=True, kw_only=True)
class Sources:
    """From what a worker may sample. `sampler_of`: None for a version that can't be used now, which its page then says.
    `rewarder`: the current reward model where there is one that can be used, asked for only where slots are picked.
    `meanwhile` is called over and over while a version is sampled from.
    """

    current: ModelVersion
    sampler_of: Callable[[ModelVersion], Sampler | None]
    rewarder: Callable[[], tuple[ModelVersion, Rewarder] | None] = lambda: None
    meanwhile: Callable[[ModelVersion, Sampler], object] = lambda _version, _sampler: None


def one_source(model: ModelVersion, sampler: Sampler) -> Sources:
    """That version alone."""
    return Sources(current=model, sampler_of=lambda version: sampler if version == model else None)


def sample_tasks(*, task_ids: Sequence[int], sources: Sources, resample_limit: int) -> None:
    """Fills the tasks with completions in at most 1 + `resample_limit` rounds. Safe to run again at any time.

    Where a model can't be sampled from the tasks go back to where they waited, and the model's page says why: beat asks
    for a check of it every few minutes, and for nothing else until that passes.
    """
    for task in _sampled_now(task_ids):
        add_demonstration(task)
    for round_number in range(1 + resample_limit):
        slots = [slot for task in _sampled_now(task_ids) for slot in _lacking(task, sources)]
        for version in dict.fromkeys(slot.version for slot in slots):
            if not _sample_from(version, [slot for slot in slots if slot.version == version], sources):
                put_back_unsampled(task_ids)
                return
        if not slots:
            break
        log.info("sampling round %d of tasks %s done", round_number + 1, sorted({slot.task.pk for slot in slots}))
    for task in _sampled_now(task_ids):
        versions = versions_of(task, sources.current)
        usable = [version for version in versions if _is_usable(version)]
        enough = usable == versions if task.one_each else bool(usable)
        if not enough and task.completions.count() < task.k_requested:
            put_back_unsampled([task.pk])
        elif task.completions.exists() or _works(usable[0], sources):
            _settle(task)
        else:
            put_back_unsampled([task.pk])


def _works(version: ModelVersion, sources: Sources) -> bool:
    """Of a version that gave a task nothing but empty texts: whether it says anything elsewhere."""
    sampler = sources.sampler_of(version)
    if sampler is None:
        return False
    try:
        _check_that_it_works(sampler)
    except CannotSample as failure:
        note_unusable(version=version, failure=failure)
        return False
    return True


def _sampled_now(task_ids: Sequence[int]) -> list[RankingTask]:
    tasks = RankingTask.objects.select_related("prompt", "campaign").filter(pk__in=task_ids, state=TaskState.SAMPLING)
    return list(tasks.order_by("pk"))


def _lacking(task: RankingTask, sources: Sources) -> list[Slot]:
    slots = missing_slots(task, current=sources.current, is_usable=_is_usable)
    if not slots and task.completions.count() >= task.k_requested:
        _settle(task)
    return slots


def _is_usable(version: ModelVersion) -> bool:
    return not why_unusable(version)


def _sample_from(version: ModelVersion, slots: Sequence[Slot], sources: Sources) -> bool:
    """Whether the version could be sampled from."""
    sampler = sources.sampler_of(version)
    if sampler is None:
        return False
    picker = sources.rewarder() if any(slot.best_of > 1 for slot in slots) else None
    try:
        _sample_slots(slots, sampler, picker, partial(sources.meanwhile, version, sampler))
        report(version, sampler)
    except CannotSample as failure:
        log.warning("model version %s can't be sampled from: %s", version.pk, failure)
        note_unusable(version=version, failure=failure)
        return False
    return True


def _sample_slots(slots: Sequence[Slot], sampler: Sampler, picker: Picker, meanwhile: Callable[[], object]) -> None:
    runs = [start_run(slot, picker) for slot in slots]
    requests = [request_of(slot, run) for slot, run in zip(slots, runs, strict=True)]
    began = time.monotonic()
    try:
        sampled = sampler.sample(requests, meanwhile=meanwhile)
        seconds = time.monotonic() - began
        chosen = [
            picked(slot.task, run, completions, picker)
            for slot, run, completions in zip(slots, runs, sampled, strict=True)
        ]
    except (UnusablePrompt, ModelFault) as fault:
        fail_runs(runs, fault)
        if len(slots) > 1:
            # something of the batch can't be sampled: each slot is tried alone, and only the task that fails set aside
            for slot in slots:
                if RankingTask.objects.filter(pk=slot.task.pk, state=TaskState.SAMPLING).exists():
                    _sample_slots([slot], sampler, picker, meanwhile)
        else:
            _set_aside_at_fault(slots[0], sampler, fault)
        return
    except Exception as failure:
        fail_runs(runs, failure)
        raise
    all_tokens = sum(each.token_count for completions in sampled for each in completions) or 1
    for slot, run, completions, kept in zip(slots, runs, sampled, chosen, strict=True):
        run.new_tokens = sum(each.token_count for each in completions)
        run.seconds = seconds * run.new_tokens / all_tokens
        first_tokens = [each.first_token_seconds for each in completions if each.first_token_seconds is not None]
        run.first_token_seconds = min(first_tokens, default=None)
        keep(slot.task, run, kept)


def _set_aside_at_fault(slot: Slot, sampler: Sampler, fault: UnusablePrompt | ModelFault) -> None:
    """Raises CannotSample: the model fails at anything."""
    if isinstance(fault, ModelFault):
        _check_that_it_works(sampler, fault)
    _set_aside_if_sampling(slot.task, reason=f"{fault} (model {slot.version})")


def _check_that_it_works(sampler: Sampler, fault: Exception | None = None) -> None:
    """Tells a prompt that the model fails at from a model that fails. Raises CannotSample."""
    try:
        sample_once(sampler)
    except Exception as failure:
        raise CannotSample(f"{fault or failure}") from failure


@transaction.atomic
def _settle(task: RankingTask) -> None:
    """Ready with what it has, if that is at least 4, or one of each model compared; otherwise set aside."""
    task = RankingTask.objects.select_for_update(no_key=True).get(pk=task.pk)
    if task.state != TaskState.SAMPLING:
        return  # another worker was quicker
    count = task.completions.count()
    if task.one_each:
        _settle_comparison(task, count)
    elif count >= RANKED_LOWEST:
        mark_ready(task)
    else:
        set_aside(
            task,
            reason=f"Only {count} distinct completions could be sampled, and a ranking needs {RANKED_LOWEST}. "
            "Raise the campaign's temperature, or set the prompt aside.",
        )


def _settle_comparison(task: RankingTask, distinct: int) -> None:
    """Of models that are compared every one must have answered."""
    answers = distinct + task.sampling_runs.exclude(repeated_key="").count()
    if answers < task.k_requested:
        lacking = task.k_requested - answers
        set_aside(task, reason=f"{lacking} of {task.k_requested} models gave no answer, or nobody wrote one.")
    elif distinct < DISTINCT_LOWEST:
        set_aside(task, reason=ALL_THE_SAME)
    else:
        mark_ready(task)


@transaction.atomic
def _set_aside_if_sampling(task: RankingTask, *, reason: str) -> None:
    task = RankingTask.objects.select_for_update(no_key=True).get(pk=task.pk)
    if task.state == TaskState.SAMPLING:
        set_aside(task, reason=reason)


SAMPLING_ATTEMPTS = Attempts(
    task=SAMPLE,
    give_up=lambda task_id, reason: _set_aside_if_sampling(RankingTask(pk=task_id), reason=reason),
)
