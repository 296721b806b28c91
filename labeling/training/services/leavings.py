"""What failed runs leave on the disk: kept for a while, for whoever looks into the failure, then removed."""

import logging
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from labeling.base.states import RunState
from labeling.exports.models import Snapshot
from labeling.model_versions.models import ModelVersion
from labeling.training.models import TrainingRun

log = logging.getLogger(__name__)

KEEP_FAILED = timedelta(days=7)


def clear_leavings(*, now: datetime | None = None) -> list[int]:
    """Removes checkpoints, locks, half outputs and snapshots of runs that failed a week ago; returns the runs' ids."""
    now = now or timezone.now()
    old = TrainingRun.objects.filter(state=RunState.FAILED, cleared_at=None, finished_at__lt=now - KEEP_FAILED)
    return [run.pk for run in old if _clear(run, now)]


def _clear(run: TrainingRun, now: datetime) -> bool:
    try:
        for path in _left_by(run):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        _forget_snapshot(run)
    except OSError as error:
        log.warning("what training run %d left can't be removed: %s", run.pk, error)
        return False
    TrainingRun.objects.filter(pk=run.pk).update(cleared_at=now)
    return True


def _left_by(run: TrainingRun) -> list[Path]:
    """Its output, and everything that trainers put beside that under names made of its own."""
    if not run.output_path or ModelVersion.objects.filter(path=run.output_path).exists():
        return []
    output = Path(run.output_path)
    beside = [*output.parent.glob(f".{output.name}.*"), *output.parent.glob(f"{output.name}.*")]
    return [path for path in (output, *beside) if path.exists()]


@transaction.atomic
def _forget_snapshot(run: TrainingRun) -> None:
    """The snapshot goes where nothing else came of it."""
    snapshot = run.snapshot
    if snapshot is None:
        return
    others = (snapshot.model_versions, snapshot.training_runs.exclude(pk=run.pk), snapshot.comparisons)
    if any(each.exists() for each in others):
        return
    TrainingRun.objects.filter(pk=run.pk).update(snapshot=None)
    Snapshot.objects.filter(pk=snapshot.pk).delete()
    if Path(snapshot.path).is_dir():
        shutil.rmtree(snapshot.path)
