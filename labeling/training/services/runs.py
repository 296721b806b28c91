"""Training runs: asked for, claimed by one worker, followed step by step, put back, finished or failed in words."""

import logging
import uuid
from datetime import datetime, timedelta
from typing import Any, TypedDict
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from labeling.base.outbox import Outbox
from labeling.base.refusals import RetrainingRefused
from labeling.base.states import RunState
from labeling.exports.models import Snapshot
from labeling.model_versions.models import ModelVersion, RewardModel
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.training.models import TrainingPoint, TrainingRun
from labeling.training.rules.promotion import PromotionNumbers
from labeling.training.services.recipes import current_recipe
from lm.progress import AliveEvent, Event
from rm_trainer.evaluation.figures import Summary

log = logging.getLogger(__name__)

SILENT_AFTER = timedelta(seconds=30)
"""The worker of a run that said nothing for this long is dead: it speaks every 5 seconds (heartbeat.py)."""
MOST_ATTEMPTS = 3
"""A run that was begun so often without making one more step fails: what ends it lies in the run."""

QUEUED_RUNS = Outbox(
    model=TrainingRun,
    waiting=Q(state=RunState.QUEUED),
    task="labeling.tasks.train_reward_model",
    send_again_after=timedelta(minutes=5),
)


class TrainingOptions(TypedDict, total=False):
    """What TrainingRun.config keeps: options of `python -m rm_trainer train` or `folds`, by their names."""

    learning_rate: float
    rankings_per_batch: int
    epochs: int
    max_length: int
    freeze_embeddings: bool
    lora_rank: int
    strength: str
    label_smoothing: float
    checkpoint_every: int
    folds: int


class BothModels(TypedDict, total=False):
    """What TrainingRun.evaluation keeps: figures of the new and of the current model on the same test rankings."""

    new: Summary | None
    current: Summary | None


def request_retraining(
    *,
    trigger: str,
    reward_model: RewardModel | None = None,
    note: str = "",
    include_simulated: bool = False,
    promote_simulated: bool = False,
) -> TrainingRun:
    """A queued run of the reward model, or of the default one, by its latest recipe.

    What learns from simulated rankings stays a candidate unless `promote_simulated` says otherwise.

    Raises RetrainingRefused while another run of it is under way (a partial unique index holds it, too).
    """
    reward_model = reward_model or default_reward_model()
    recipe = current_recipe(reward_model)
    try:
        with transaction.atomic():
            return TrainingRun.objects.create(
                reward_model=reward_model,
                recipe=recipe,
                trigger=trigger,
                trigger_note=note,
                include_simulated=include_simulated,
                promote_simulated=promote_simulated,
            )
    except IntegrityError:
        active = TrainingRun.objects.active().filter(reward_model=reward_model).first()
        raise RetrainingRefused(
            f"Training run {active.pk if active else '?'} is under way; there is never more than one of "
            f"“{reward_model}”. Wait for it, or end it in the admin."
        ) from None


@transaction.atomic
def claim_run(*, run_id: int, worker: str) -> TrainingRun | None:
    """The run in state EXPORTING for whoever comes first; None for everybody after (a message delivered twice).

    A run that ended several workers without getting on fails instead.
    """
    run = TrainingRun.objects.select_for_update(no_key=True).get(pk=run_id)
    if run.state != RunState.QUEUED:
        return None
    if run.attempts >= MOST_ATTEMPTS:
        fail_run(run_id=run_id, reason=_given_up(run))
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


def _given_up(run: TrainingRun) -> str:
    return f"It was begun {run.attempts} times without getting on. The last time: {run.interruption}"


@transaction.atomic
def begin_training(
    *,
    run: TrainingRun,
    snapshot: Snapshot,
    base: str,
    output_path: str,
    log_path: str,
    config: TrainingOptions,
) -> None:
    """Records the snapshot, base model and options of the training. Raises IllegalMove when the run was failed
    meanwhile.
    """
    run.refresh_from_db(from_queryset=TrainingRun.objects.select_for_update(no_key=True))
    run.move(
        to=RunState.TRAINING,
        heartbeat_at=timezone.now(),
        snapshot=snapshot,
        base=base,
        output_path=output_path,
        log_path=log_path,
        config=config,
    )


@transaction.atomic
def begin_evaluating(*, run: TrainingRun, compared_with: ModelVersion | None) -> None:
    """The new weights exist; now they are compared with the current model. Raises IllegalMove."""
    run.refresh_from_db(from_queryset=TrainingRun.objects.select_for_update(no_key=True))
    run.move(to=RunState.EVALUATING, heartbeat_at=timezone.now(), compared_with=compared_with)


def note_progress(*, run: TrainingRun, event: Event | AliveEvent) -> None:
    """Keeps one progress line of the trainer (docs/data-contract.md).

    Raises RunAbandoned if the run was ended from outside, or another worker took it over.
    """
    now = timezone.now()
    values: dict[str, Any] = {"heartbeat_at": now}
    if event["event"] != "alive":
        values["progress_at"] = now
    if event["event"] == "start":
        values["steps_total"] = event["steps"]
    if not TrainingRun.objects.active().filter(pk=run.pk, claim=run.claim).update(**values):
        raise RunAbandoned(f"Training run {run.pk} was ended from outside; its process is stopped.")
    if event["event"] == "step":
        defaults = {key: event[key] for key in ("loss", "accuracy", "learning_rate")}
        _point, is_new = TrainingPoint.objects.update_or_create(run=run, step=event["step"], defaults=defaults)
        if is_new:
            TrainingRun.objects.filter(pk=run.pk).update(attempts=0)
    elif event["event"] == "valid":
        TrainingPoint.objects.filter(run=run, step=event["step"]).update(
            valid_loss=event["loss"], valid_accuracy=event["accuracy"]
        )


class RunAbandoned(Exception):
    """The run is no longer active in the database, or somebody else's; whoever works at it must stop."""


@transaction.atomic
def finish_run(
    *,
    run: TrainingRun,
    model_version: ModelVersion,
    evaluation: BothModels,
    decision: str,
    promotion: PromotionNumbers | None = None,
) -> None:
    """The run is done, with the version that came of it, and why and by which numbers that was promoted or not.

    Raises IllegalMove.
    """
    run.refresh_from_db(from_queryset=TrainingRun.objects.select_for_update(no_key=True))
    now = timezone.now()
    run.move(
        to=RunState.DONE,
        heartbeat_at=now,
        finished_at=now,
        model_version=model_version,
        evaluation=evaluation,
        decision=decision,
        promotion=promotion or {},
    )


@transaction.atomic
def fail_run(*, run_id: int, reason: str) -> bool:
    """Ends an active run visibly; False when it had ended already."""
    run = TrainingRun.objects.select_for_update(no_key=True).get(pk=run_id)
    if not run.is_active():
        return False
    run.move(to=RunState.FAILED, failure=reason[:10_000], finished_at=timezone.now())
    log.error("Training run %d failed: %s", run.pk, reason)  # the console of `manage.py up` passes it on
    return True


@transaction.atomic
def put_back_run(*, run_id: int, why: str, claim: UUID | None, counts: bool) -> bool:
    """The run waits for a worker again, which goes on from its checkpoint; False when it is not `claim`'s any more.

    `counts`: it was not stopped in order, so that a run which ends every worker is failed after a few attempts.
    """
    run = TrainingRun.objects.select_for_update(no_key=True).get(pk=run_id)
    if not run.is_active() or run.state == RunState.QUEUED or run.claim != claim:
        return False
    attempts = run.attempts if counts else max(0, run.attempts - 1)
    run.move(to=RunState.QUEUED, interruption=why[:10_000], attempts=attempts, dispatched_at=None, claim=None)
    if attempts >= MOST_ATTEMPTS:
        fail_run(run_id=run_id, reason=_given_up(run))
    return True


def put_back_silent_runs(*, now: datetime | None = None) -> list[int]:
    """Puts runs back whose worker died without a word; returns their ids."""
    now = now or timezone.now()
    silent = TrainingRun.objects.active().filter(heartbeat_at__lt=now - SILENT_AFTER).exclude(state=RunState.QUEUED)
    why = f"Nothing was heard of its worker for {SILENT_AFTER.total_seconds():.0f} s; it was killed or lost its host."
    return [
        run_id
        for run_id, claim in silent.values_list("pk", "claim")
        if put_back_run(run_id=run_id, why=why, claim=claim, counts=True)
    ]
