"""Training runs: asked for, claimed by one worker, followed step by step, finished or failed in words."""

import logging
from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from labeling.base.outbox import Outbox
from labeling.base.refusals import RetrainingRefused
from labeling.base.states import CampaignState, LabelerGroup, ModelKind, RunState
from labeling.campaigns.models.campaigns import Campaign
from labeling.desk.ranking.models import Ranking
from labeling.exports.models import Snapshot
from labeling.model_versions.models import ModelVersion
from labeling.training.models import TrainingPoint, TrainingRun
from labeling.training.rules.promotion import PromotionNumbers
from lm.progress import AliveEvent, Event
from rm_trainer.evaluation.figures import Summary

log = logging.getLogger(__name__)

SILENT_AFTER = timedelta(minutes=3)
"""A run whose worker said nothing for this long is dead: it speaks every 20 seconds (trainer_process.py)."""

QUEUED_RUNS = Outbox(
    model=TrainingRun,
    waiting=Q(state=RunState.QUEUED),
    task="labeling.tasks.train_reward_model",
    send_again_after=timedelta(minutes=5),
)

WAIT_AFTER_FAILURE = timedelta(hours=1)
"""A failed run is not repeated at once by beat: what broke it needs a person, or at least time."""


class TrainingOptions(TypedDict, total=False):
    """What TrainingRun.config keeps: options of `python -m rm_trainer train` or `folds`, by their names."""

    learning_rate: float
    rankings_per_batch: int
    epochs: int
    max_length: int
    freeze_embeddings: bool
    newest_since: str
    folds: int


class BothModels(TypedDict, total=False):
    """What TrainingRun.evaluation keeps: figures of the new and of the current model on the same test rankings."""

    new: Summary | None
    current: Summary | None


def request_retraining(*, trigger: str, note: str = "", include_simulated: bool = False) -> TrainingRun:
    """A queued run. Raises RetrainingRefused while another is under way (a partial unique index holds it, too)."""
    try:
        with transaction.atomic():
            return TrainingRun.objects.create(trigger=trigger, trigger_note=note, include_simulated=include_simulated)
    except IntegrityError:
        active = TrainingRun.objects.active().filter(kind=ModelKind.REWARD).first()
        raise RetrainingRefused(
            f"Training run {active.pk if active else '?'} is under way; there is never more than one. "
            "Wait for it, or fail it in the admin."
        ) from None


def request_if_due(
    *, after_rankings: int, after_days: int, include_simulated: bool, now: datetime | None = None
) -> TrainingRun | None:
    """A queued run if some campaign has enough new rankings, or old ones waited long enough; otherwise None."""
    now = now or timezone.now()
    if TrainingRun.objects.active().filter(kind=ModelKind.REWARD).exists():
        return None
    if TrainingRun.objects.filter(state=RunState.FAILED, finished_at__gt=now - WAIT_AFTER_FAILURE).exists():
        return None
    for campaign in Campaign.objects.exclude(state=CampaignState.DRAFT):
        due = _why_due(
            campaign,
            after_rankings=after_rankings,
            after_days=after_days,
            include_simulated=include_simulated,
            now=now,
        )
        if due:
            trigger, note = due
            try:
                return request_retraining(trigger=trigger, note=note, include_simulated=include_simulated)
            except RetrainingRefused:
                return None  # another beat was quicker
    return None


def _why_due(
    campaign: Campaign, *, after_rankings: int, after_days: int, include_simulated: bool, now: datetime
) -> tuple[str, str] | None:
    since = _trained_up_to()
    fresh = (
        Ranking.objects.first_submissions()
        .of_group(LabelerGroup.TRAINING, include_simulated=include_simulated)
        .filter(task__campaign=campaign, submitted_at__gt=since)
    )
    count = fresh.count()
    needed = campaign.retrain_after_rankings or after_rankings
    days = campaign.retrain_after_days or after_days
    if count >= needed:
        return "rankings", f"{campaign} has {count} new rankings (the threshold is {needed})."
    oldest = fresh.order_by("submitted_at").values_list("submitted_at", flat=True).first()
    if oldest is not None and now - max(oldest, since) >= timedelta(days=days):
        return "days", f"{campaign} has {count} new rankings, the oldest {(now - oldest).days} days old."
    return None


def _trained_up_to() -> datetime:
    """The as-of time of the last snapshot that a run finished with; the beginning of time before the first."""
    done = TrainingRun.objects.filter(kind=ModelKind.REWARD, state=RunState.DONE, snapshot__isnull=False)
    latest = done.order_by("-snapshot__as_of").values_list("snapshot__as_of", flat=True).first()
    return latest or datetime.fromtimestamp(0, tz=timezone.get_current_timezone())


@transaction.atomic
def claim_run(*, run_id: int, worker: str) -> TrainingRun | None:
    """The run in state EXPORTING for whoever comes first; None for everybody after (a message delivered twice)."""
    run = TrainingRun.objects.select_for_update(no_key=True).get(pk=run_id)
    if run.state != RunState.QUEUED:
        return None
    return run.move(to=RunState.EXPORTING, heartbeat_at=timezone.now(), worker=worker)


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
    """Keeps one progress line of the trainer (docs/data-contract.md). Raises RunAbandoned if the run was failed."""
    now = timezone.now()
    beating = TrainingRun.objects.active().filter(pk=run.pk)
    values: dict[str, Any] = {"heartbeat_at": now}
    if event["event"] == "start":
        values["steps_total"] = event["steps"]
    if not beating.update(**values):
        raise RunAbandoned(f"Training run {run.pk} was failed from outside; its process is stopped.")
    if event["event"] == "step":
        defaults = {key: event[key] for key in ("loss", "accuracy", "learning_rate")}
        TrainingPoint.objects.update_or_create(run=run, step=event["step"], defaults=defaults)
    elif event["event"] == "valid":
        TrainingPoint.objects.filter(run=run, step=event["step"]).update(
            valid_loss=event["loss"], valid_accuracy=event["accuracy"]
        )


class RunAbandoned(Exception):
    """The run is no longer active in the database; whoever works at it must stop."""


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


def fail_silent_runs(*, now: datetime | None = None) -> list[int]:
    """Fails runs whose worker died without a word; returns their ids."""
    now = now or timezone.now()
    silent = TrainingRun.objects.active().filter(heartbeat_at__lt=now - SILENT_AFTER).exclude(state=RunState.QUEUED)
    reason = f"Nothing was heard of the training process for {SILENT_AFTER}; it was probably killed."
    return [run_id for run_id in silent.values_list("pk", flat=True) if fail_run(run_id=run_id, reason=reason)]
