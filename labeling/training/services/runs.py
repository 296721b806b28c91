"""Runs of every kind: claimed by one worker, followed step by step, put back, finished or failed in words."""

import logging
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from math import isfinite
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from labeling.base.states import ACTIVE_RUN_STATES, RunState
from labeling.exports.models import Snapshot
from labeling.model_versions.models import ModelVersion
from labeling.training.models import AnyRun, Run
from lm.progress import AliveEvent, Event, StepEvent

log = logging.getLogger(__name__)

SILENT_AFTER = timedelta(seconds=30)
"""The worker of a run that said nothing for this long is dead: it speaks every 5 seconds (heartbeat.py)."""
MOST_ATTEMPTS = 3
"""A run that was begun so often without making one more step fails: what ends it lies in the run."""
SEND_AGAIN_AFTER = timedelta(minutes=5)
"""Of a queued run's message that nobody took up."""


class RunAbandoned(Exception):
    """The run is no longer active in the database, or somebody else's; whoever works at it must stop."""


@transaction.atomic
def claim_run(*, run: AnyRun, worker: str) -> AnyRun | None:
    """The run in state EXPORTING for whoever comes first; None for everybody after (a message delivered twice).

    A run that ended several workers without getting on fails instead.
    """
    run = _locked(run)
    if run.state != RunState.QUEUED:
        return None
    if run.attempts >= MOST_ATTEMPTS:
        fail_run(run=run, reason=_given_up(run))
        return None
    now = timezone.now()
    return run.move(
        to=RunState.EXPORTING,
        heartbeat_at=now,
        progress_at=now,
        worker=worker,
        claim=uuid.uuid4(),
        attempts=run.attempts + 1,
    )


def _locked(run: AnyRun) -> AnyRun:
    """The row as it is now, and nobody else's until the transaction ends."""
    return type(run)._base_manager.select_for_update(no_key=True).get(pk=run.pk)  # noqa: SLF001  (Django's own name)


def _given_up(run: Run) -> str:
    return f"It was begun {run.attempts} times without getting on. The last time: {run.interruption}"


def begin_training(
    *,
    run: Run,
    snapshot: Snapshot,
    base: str,
    output_path: str,
    log_path: str,
    config: Mapping[str, Any],
) -> None:
    """Records the snapshot, base model and options of the training. Raises IllegalMove when the run was failed
    meanwhile.
    """
    _go_on_to(
        run,
        RunState.TRAINING,
        snapshot=snapshot,
        base=base,
        output_path=output_path,
        log_path=log_path,
        config=config,
    )


def begin_evaluating(*, run: Run, **found: Any) -> None:
    """The new weights exist. `found`: other columns of the kind of run. Raises IllegalMove."""
    _go_on_to(run, RunState.EVALUATING, **found)


def finish_run(*, run: Run, model_version: ModelVersion, decision: str, **found: Any) -> None:
    """The run is done, with the version that came of it, and why that was promoted or not. `found` as above.

    Raises IllegalMove.
    """
    _go_on_to(run, RunState.DONE, finished_at=timezone.now(), model_version=model_version, decision=decision, **found)


@transaction.atomic
def _go_on_to(run: Run, state: RunState, **changes: Any) -> None:
    run.refresh_from_db(from_queryset=type(run)._base_manager.select_for_update(no_key=True))  # noqa: SLF001
    run.move(to=state, heartbeat_at=timezone.now(), **changes)


def note_progress(*, run: Run, event: Event | AliveEvent) -> None:
    """Keeps one progress line of the trainer (docs/data-contract.md).

    Raises RunAbandoned if the run was ended from outside, or another worker took it over.
    """
    now = timezone.now()
    values: dict[str, Any] = {"heartbeat_at": now}
    if event["event"] != "alive":
        values["progress_at"] = now
    if event["event"] == "start":
        values["steps_total"] = event["steps"]
    if not active_runs(type(run)).filter(pk=run.pk, claim=run.claim).update(**values):
        raise RunAbandoned(f"{run} was ended from outside; its process is stopped.")
    if event["event"] == "step":
        _keep_step(run, event)
    elif event["event"] == "valid":
        run.curve.filter(step=event["step"]).update(valid_loss=event["loss"], valid_accuracy=event.get("accuracy"))


def _keep_step(run: Run, event: StepEvent) -> None:
    defaults: dict[str, Any] = {
        "loss": event["loss"],
        "accuracy": event.get("accuracy"),
        "figures": finite(event.get("figures", {})),
        "learning_rate": event["learning_rate"],
    }
    _point, is_new = run.curve.update_or_create(step=event["step"], defaults=defaults)
    if is_new:
        type(run)._base_manager.filter(pk=run.pk).update(attempts=0)  # noqa: SLF001


def finite(figures: Mapping[str, float]) -> dict[str, float]:
    """Without those that are no number or infinite, which PostgreSQL's JSON can't hold."""
    return {name: value for name, value in figures.items() if isfinite(value)}


@transaction.atomic
def fail_run(*, run: Run, reason: str) -> bool:
    """Ends an active run visibly; False when it had ended already."""
    run = _locked(run)
    if not run.is_active():
        return False
    run.move(to=RunState.FAILED, failure=reason[:10_000], finished_at=timezone.now())
    log.error("%s failed: %s", run, reason)  # the console of `manage.py up` passes it on
    return True


@transaction.atomic
def put_back_run(*, run: Run, why: str, claim: UUID | None, counts: bool) -> bool:
    """The run waits for a worker again, which goes on from its checkpoint; False when it is not `claim`'s any more.

    `counts`: it was not stopped in order, so that a run which ends every worker is failed after a few attempts.
    """
    run = _locked(run)
    if not run.is_active() or run.state == RunState.QUEUED or run.claim != claim:
        return False
    attempts = run.attempts if counts else max(0, run.attempts - 1)
    run.move(to=RunState.QUEUED, interruption=why[:10_000], attempts=attempts, dispatched_at=None, claim=None)
    if attempts >= MOST_ATTEMPTS:
        fail_run(run=run, reason=_given_up(run))
    return True


def put_back_silent_runs(kind: type[Run], *, now: datetime | None = None) -> list[int]:
    """Puts runs back whose worker died without a word; returns their ids."""
    now = now or timezone.now()
    silent = active_runs(kind).filter(heartbeat_at__lt=now - SILENT_AFTER).exclude(state=RunState.QUEUED)
    why = f"Nothing was heard of its worker for {SILENT_AFTER.total_seconds():.0f} s; it was killed or lost its host."
    return [run.pk for run in silent if put_back_run(run=run, why=why, claim=run.claim, counts=True)]


def active_runs(kind: type[AnyRun]) -> QuerySet[AnyRun]:
    """Runs of the kind that are queued or under way."""
    return kind._base_manager.filter(state__in=ACTIVE_RUN_STATES)  # noqa: SLF001
