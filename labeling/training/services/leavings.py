"""What failed runs leave on the disk: kept for a while, for whoever looks into the failure, then removed."""

import logging
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from labeling.base.states import RunState
from labeling.model_versions.models import ModelVersion
from labeling.training.models import Run

log = logging.getLogger(__name__)

KEEP_FAILED = timedelta(days=7)


def clear_leavings(kind: type[Run], *, now: datetime | None = None) -> list[int]:
    """Removes checkpoints, locks, half outputs and snapshots of runs that failed a week ago; returns the runs' ids."""
    now = now or timezone.now()
    failed = kind._base_manager.filter(state=RunState.FAILED, cleared_at=None)  # noqa: SLF001  (Django's own name)
    return [run.pk for run in failed.filter(finished_at__lt=now - KEEP_FAILED) if _clear(run, now)]


def _clear(run: Run, now: datetime) -> bool:
    try:
        for path in _left_by(run):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        _forget_snapshot(run)
    except OSError as error:
        log.warning("what %s left can't be removed: %s", run, error)
        return False
    type(run)._base_manager.filter(pk=run.pk).update(cleared_at=now)  # noqa: SLF001
    return True


def _left_by(run: Run) -> list[Path]:
    """Its output, and everything that trainers put beside that under names made of its own."""
    if not run.output_path or ModelVersion.objects.filter(path=run.output_path).exists():
        return []
    output = Path(run.output_path)
    beside = [*output.parent.glob(f".{output.name}.*"), *output.parent.glob(f"{output.name}.*")]
    return [path for path in (output, *beside) if path.exists()]


def _forget_snapshot(run: Run) -> None:
    """The snapshot goes where nothing else came of it."""
    snapshot = run.snapshot
    if snapshot is None:
        return
    path = Path(snapshot.path)
    try:
        with transaction.atomic():
            type(run)._base_manager.filter(pk=run.pk).update(snapshot=None)  # noqa: SLF001
            snapshot.delete()
    except ProtectedError:
        return
    if path.is_dir():
        shutil.rmtree(path)
