"""One run: what is asked of a sampler for a task, what of its answer is kept, and what is written down of both."""

import json
import logging
import math
import random
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling.base.states import SamplingFailure, SamplingState, TaskState
from labeling.base.text import LONGEST_ERROR, clean_answer
from labeling.base.worker_locks import held_lock, of_dead_workers, worker_name
from labeling.model_versions.models import ModelVersion
from labeling.ranking_tasks.models.completions import DRAWN, Completion
from labeling.ranking_tasks.models.sampling import SamplerReport, SamplingRun
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.ranking_tasks.rules import near_key, text_key
from labeling.ranking_tasks.services.slots import Slot
from lm.errors import UnusablePrompt
from rm_trainer.protocol import Item, Rewarder
from sampler.protocol import CannotSample, ModelFault, SampledCompletion, Sampler, SampleRequest

log = logging.getLogger(__name__)

Picker = tuple[ModelVersion, Rewarder] | None
"""The reward model that picks, and its version; None: nothing is picked."""


def start_run(slot: Slot, picker: Picker) -> SamplingRun:
    picks = slot.best_of > 1 and picker is not None
    return SamplingRun.objects.create(
        task=slot.task,
        model_version=slot.version,
        requested=slot.count,
        temperature=slot.temperature,
        top_p=slot.top_p,
        max_new_tokens=slot.task.campaign.max_new_tokens,
        best_of=slot.best_of if picks else 1,
        picked_by=picker[0] if picks and picker else None,
        seed=random.getrandbits(31),
        worker=worker_name(),
        worker_lock=held_lock(),
    )


def request_of(slot: Slot, run: SamplingRun) -> SampleRequest:
    assert run.seed is not None  # set by _start_run
    return SampleRequest(
        messages=slot.task.prompt.messages,
        num_completions=run.requested * run.best_of,
        seed=run.seed,
        temperature=slot.temperature,
        top_p=slot.top_p,
        max_new_tokens=slot.task.campaign.max_new_tokens,
    )


def picked(
    task: RankingTask, run: SamplingRun, completions: Sequence[SampledCompletion], picker: Picker
) -> list[SampledCompletion]:
    """Of each `best_of` samples in a row the one with the highest reward. Groups share none: each is a best of n."""
    if run.best_of == 1 or picker is None:
        return list(completions)
    rewarder = picker[1]
    scored = rewarder.score([Item(tuple(task.prompt.messages), completion.text) for completion in completions])
    rewards = [-math.inf if each.reward is None else each.reward for each in scored]
    groups = range(0, len(completions), run.best_of)
    return [completions[max(range(at, at + run.best_of), key=rewards.__getitem__)] for at in groups]


@transaction.atomic
def keep(task: RankingTask, run: SamplingRun, completions: Sequence[SampledCompletion]) -> None:
    locked = RankingTask.objects.select_for_update(no_key=True).get(pk=task.pk)
    kept = 0
    if locked.state == TaskState.SAMPLING and locked.one_each:
        kept = _keep_or_repeat(locked, run, completions)
    elif locked.state == TaskState.SAMPLING:
        texts = list(locked.completions.values_list("text", flat=True))
        taken = {near_key(text) for text in texts}
        for completion in completions:
            if len(texts) + kept < locked.k_requested:
                kept += _keep_one(locked, run, completion, taken)
    finish_run(run, SamplingState.DONE, duplicates_dropped=len(completions) - kept)


def _keep_or_repeat(task: RankingTask, run: SamplingRun, completions: Sequence[SampledCompletion]) -> int:
    """Keeps the one answer of a model that is compared. What another gave already is not shown twice: they tie."""
    known = {near_key(text): key for text, key in task.completions.values_list("text", "text_key")}
    for completion in completions[:1]:
        run.repeated_key = known.get(near_key(clean_answer(completion.text)), "")
        if not run.repeated_key:
            return _keep_one(task, run, completion, set(known))
    return 0


def _keep_one(task: RankingTask, run: SamplingRun, completion: SampledCompletion, taken: set[str]) -> int:
    text = clean_answer(completion.text.replace("\0", "\N{REPLACEMENT CHARACTER}"))
    key = near_key(text)
    if not text or key in taken:
        return 0
    taken.add(key)
    Completion.objects.create(
        task=task,
        run=run,
        text=text,
        text_key=text_key(text),
        **drawn(completion),
    )
    return 1


def drawn(completion: SampledCompletion) -> dict[str, Any]:
    """The columns DRAWN of a row with this completion."""
    told = {name: getattr(completion, name) for name in DRAWN}
    return told | {name: list(told[name]) or None for name in ("token_ids", "logprobs")}


def finish_run(run: SamplingRun, state: SamplingState, *, duplicates_dropped: int = 0, **failed: str) -> None:
    """`failed`: `error` and `failure` of a run that did. One line in the log tells all of it, as JSON."""
    run.move(
        to=state,
        duplicates_dropped=duplicates_dropped,
        repeated_key=run.repeated_key,
        new_tokens=run.new_tokens,
        seconds=run.seconds,
        first_token_seconds=run.first_token_seconds,
        finished_at=timezone.now(),
        **failed,
    )
    log.info("sampling run %s", json.dumps(_line(run), ensure_ascii=False))


def _line(run: SamplingRun) -> dict[str, object]:
    version = run.model_version
    return {
        "run": run.pk,
        "task": run.task_id,
        "campaign": run.task.campaign.slug,
        "model": str(version),
        "backend": version.backend if version else "",
        "state": run.state,
        "failure": run.failure,
        "requested": run.requested,
        "best_of": run.best_of,
        "duplicates_dropped": run.duplicates_dropped,
        "tokens": run.new_tokens,
        "seconds": None if run.seconds is None else round(run.seconds, 3),
        "first_token_seconds": None if run.first_token_seconds is None else round(run.first_token_seconds, 3),
        "tokens_per_second": round(run.new_tokens / run.seconds, 1) if run.new_tokens and run.seconds else None,
        "waited_seconds": round((run.started_at - run.task.created_at).total_seconds(), 1),
        "worker": run.worker,
    }


def fail_runs(runs: Sequence[SamplingRun], failure: Exception) -> None:
    for run in runs:
        said = str(failure) if isinstance(failure, UnusablePrompt) else f"{type(failure).__name__}: {failure}"
        finish_run(run, SamplingState.FAILED, error=said[:LONGEST_ERROR], failure=_kind_of(failure))


def end_runs_of_dead_workers() -> list[int]:
    """Ends what workers that were killed had begun, whatever became of its task since. Returns the tasks' ids."""
    dead = of_dead_workers(SamplingRun.objects.filter(state=SamplingState.RUNNING))
    task_ids = list(dead.values_list("task_id", flat=True))
    dead.move(
        to=SamplingState.FAILED,
        error="Its worker died in the middle of it.",
        failure=SamplingFailure.WORKER_DIED,
        finished_at=timezone.now(),
    )
    return task_ids


def _kind_of(failure: Exception) -> SamplingFailure:
    if isinstance(failure, UnusablePrompt):
        return SamplingFailure.PROMPT
    if "memory" in type(failure).__name__.lower():  # the engine's and torch's, neither of which is imported here
        return SamplingFailure.MEMORY
    if isinstance(failure, CannotSample):
        return SamplingFailure.UNREACHABLE
    return SamplingFailure.MODEL if isinstance(failure, ModelFault) else SamplingFailure.OTHER


def report(version: ModelVersion, sampler: Sampler) -> None:
    """Writes down what a sampler in this worker's memory has done and holds; a server tells that itself."""
    sight = getattr(sampler, "sight", None)
    if sight is None:
        return
    SamplerReport.objects.update_or_create(
        worker=worker_name(), defaults={"model_version": version, "sight": sight(), "at": timezone.now()}
    )
