"""What failed runs left on the disk goes after a week, and nothing else does."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import Labeler, ModelVersion, Snapshot, TrainingRun
from labeling.training.services.leavings import KEEP_FAILED, clear_leavings
from labeling.training.services.runs import fail_run
from tests.labeling.admin_cast import run_in_training, snapshot_in
from tests.labeling.handed_in import a_task, rank

pytestmark = pytest.mark.django_db


def test_checkpoints_locks_and_snapshots_of_failed_runs_go_after_a_week(tmp_path: Path, alice: Labeler) -> None:
    a_task()
    rank(alice, [1, 2, 3, 4])
    snapshot = snapshot_in(tmp_path / "snapshot")
    run = run_in_training(snapshot)
    output = tmp_path / "reward-1"
    TrainingRun.objects.filter(pk=run.pk).update(output_path=str(output))
    for left in (".reward-1.checkpoints/step-1", ".reward-1.tensorboard"):
        (tmp_path / left).mkdir(parents=True)
    for left in (".reward-1.lock", "reward-1.evaluation.json", "reward-10.evaluation.json", ".reward-10.lock"):
        (tmp_path / left).touch()
    fail_run(run=run, reason="the loss is no number")
    assert clear_leavings(TrainingRun) == []
    assert clear_leavings(TrainingRun, now=timezone.now() + KEEP_FAILED + timedelta(minutes=1)) == [run.pk]
    assert {path.name for path in tmp_path.iterdir()} == {"reward-10.evaluation.json", ".reward-10.lock"}
    assert not Snapshot.objects.exists()
    run.refresh_from_db()
    assert (run.snapshot, run.cleared_at is not None, run.failure) == (None, True, "the loss is no number")
    assert clear_leavings(TrainingRun, now=timezone.now() + 2 * KEEP_FAILED) == []


def test_a_snapshot_that_a_model_learned_from_stays(tmp_path: Path, alice: Labeler) -> None:
    a_task()
    rank(alice, [1, 2, 3, 4])
    snapshot = snapshot_in(tmp_path / "snapshot")
    run = run_in_training(snapshot)
    ModelVersion.objects.create(
        kind="reward", reward_model=default_reward_model(), name="r", path="/r", snapshot=snapshot
    )
    fail_run(run=run, reason="disk full")
    clear_leavings(TrainingRun, now=timezone.now() + 2 * KEEP_FAILED)
    assert Path(snapshot.path).is_dir()
    assert Snapshot.objects.filter(pk=snapshot.pk).exists()
