"""TensorBoard's event files, read back as TensorBoard reads them."""

import signal
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.lm.snapshots import write_snapshot
from tests.rm_trainer.commands import events, started, train, train_argv
from tests.rm_trainer.conftest import zebra_rankings

SMALL = ("--rankings-per-batch", "2")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    splits = {"train": zebra_rankings(range(1, 9)), "valid": zebra_rankings(range(20, 23))}
    return write_snapshot(tmp_path_factory.mktemp("data"), rankings=splits)


def curves(directory: Path) -> dict[str, list[Any]]:
    """(step, value) by tag."""
    found = EventAccumulator(str(directory)).Reload()
    return {tag: [(one.step, one.value) for one in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_every_step_and_every_validation_is_there(tmp_path: Path, data: Path, tiny_base: Path) -> None:
    assert train(data, tiny_base, tmp_path / "out", *SMALL, "--eval-every", "3") == 0
    log = events((tmp_path / "out" / "training_log.jsonl").read_text())
    steps = [one for one in log if one["event"] == "step"]
    drawn = curves(tmp_path / "out" / "tensorboard" / "train")
    for tag in ("loss", "accuracy", "learning_rate", "tokens"):
        assert drawn[tag] == [(one["step"], pytest.approx(one[tag], rel=1e-6)) for one in steps], tag
    assert sum(seconds for _, seconds in drawn["seconds"]) == pytest.approx(steps[-1]["seconds"], abs=1e-4)
    valid = [one for one in log if one["event"] == "valid"]
    drawn = curves(tmp_path / "out" / "tensorboard" / "valid")
    assert drawn["loss"] == [(one["step"], pytest.approx(one["loss"], rel=1e-6)) for one in valid]
    assert [step for step, _ in drawn["accuracy"]] == [3, 4]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_killed_run_goes_on_without_a_step_twice(tmp_path: Path, data: Path, tiny_base: Path) -> None:
    """Killed at step 8 or later with a checkpoint of step 6 at the earliest: those in between are done twice."""
    options = (*SMALL, "--epochs", "10", "--checkpoint-every", "3", "--eval-every", "4")
    with started(train_argv(data, tiny_base, tmp_path / "out", *options)) as process:
        assert process.stdout is not None
        assert any('"step": 8,' in line for line in process.stdout)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    beside = curves(tmp_path / ".out.tensorboard" / "train")
    assert [step for step, _ in beside["loss"]][:7] == list(range(1, 8))

    assert train(data, tiny_base, tmp_path / "out", *options) == 0
    log = events((tmp_path / "out" / "training_log.jsonl").read_text())
    for run, event in (("train", "step"), ("valid", "valid")):
        drawn = curves(tmp_path / "out" / "tensorboard" / run)["loss"]
        said = [(one["step"], pytest.approx(one["loss"], rel=1e-6)) for one in log if one["event"] == event]
        assert drawn == said
        assert len(list((tmp_path / "out" / "tensorboard" / run).iterdir())) == 1


def test_a_directory_of_ones_own_keeps_the_files_of_every_run(tmp_path: Path, data: Path, tiny_base: Path) -> None:
    board = tmp_path / "board"
    for name in ("one", "two"):
        assert train(data, tiny_base, tmp_path / name, *SMALL, "--tensorboard-directory", str(board)) == 0
        assert not (tmp_path / name / "tensorboard").exists()
    assert [step for step, _ in curves(board / "one" / "train")["loss"]] == [1, 2, 3, 4]
    assert curves(board / "one" / "train")["loss"] == curves(board / "two" / "train")["loss"]


def test_a_run_that_fails_leaves_its_curve_only_where_it_was_asked_to(
    tmp_path: Path, data: Path, tiny_base: Path
) -> None:
    broken = (*SMALL, "--learning-rate", "1e30", "--clip", "0")
    assert train(data, tiny_base, tmp_path / "out", *broken) == 1
    assert list(tmp_path.iterdir()) == []
    assert train(data, tiny_base, tmp_path / "out", *broken, "--tensorboard-directory", str(tmp_path / "board")) == 1
    assert [step for step, _ in curves(tmp_path / "board" / "out" / "train")["loss"]] == [1]
