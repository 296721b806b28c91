"""Runs that end in the middle go on as if they had not."""

import re
import resource
import signal
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lm.errors import Failed, Refused
from lm.training.broken_numbers import refuse_spike
from lm.training.output import refuse_full_disk, sole_writer
from rm_trainer.model import load_base_model
from tests.lm.snapshots import write_snapshot
from tests.rm_trainer.commands import events, read_json, started, train, train_argv
from tests.rm_trainer.conftest import zebra_rankings

OPTIONS = ("--rankings-per-batch", "2", "--epochs", "100")
BRIEF = ("--rankings-per-batch", "2", "--epochs", "8")
"""Where it is known at which step the run ends."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_snapshot(tmp_path_factory.mktemp("data"), rankings={"train": zebra_rankings(range(1, 3))})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: Path, tiny_base: Path) -> Path:
    """100 steps without a break and without checkpoints."""
    output = tmp_path_factory.mktemp("whole") / "out"
    assert train(data, tiny_base, output, *OPTIONS) == 0
    return output


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory, data: Path, tiny_base: Path) -> Path:
    output = tmp_path_factory.mktemp("brief") / "out"
    assert train(data, tiny_base, output, *BRIEF) == 0
    return output


def losses(output: Path) -> list[float]:
    log = events((output / "training_log.jsonl").read_text())
    return [event["loss"] for event in log if event["event"] == "step"]


def wait_for_step(lines: Iterable[str], step: int) -> None:
    assert any(f'"step": {step},' in line for line in lines)


@pytest.mark.parametrize(("end", "every", "status"), [
    (signal.SIGKILL, 6, -signal.SIGKILL), (signal.SIGTERM, 1000, 143),
])  # fmt: skip
def test_a_killed_run_goes_on_to_the_same_losses_and_the_same_bytes(
    tmp_path: Path, data: Path, whole: Path, tiny_base: Path, end: signal.Signals, every: int, status: int,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """kill -9 goes back to the last checkpoint; SIGTERM finishes its step and makes one."""
    options = [*OPTIONS, "--checkpoint-every", str(every)]
    with started(train_argv(data, tiny_base, tmp_path / "out", *options)) as process:
        assert process.stdout is not None
        wait_for_step(process.stdout, 7)
        process.send_signal(end)
        process.communicate(timeout=60)
        assert process.returncode == status
    assert not (tmp_path / "out").exists()

    assert train(data, tiny_base, tmp_path / "out", *options) == 0
    assert "Going on after step" in capsys.readouterr().err
    assert losses(tmp_path / "out") == losses(whole)
    weights = [(one / "model.safetensors").read_bytes() for one in (tmp_path / "out", whole)]
    assert weights[0] == weights[1]
    assert read_json(tmp_path / "out" / "metrics.json")["train"] == read_json(whole / "metrics.json")["train"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_checkpoint_of_another_run_is_refused(
    tmp_path: Path, data: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explode(*_: Any, **__: Any) -> None:
        raise Failed("a reason")

    options = [*OPTIONS, "--checkpoint-every", "1"]
    with monkeypatch.context() as patched:
        patched.setattr("rm_trainer.train.Run.validate", explode)
        assert train(data, tiny_base, tmp_path / "out", *options, "--eval-every", "2") == 1
    assert [path.name for path in (tmp_path / ".out.checkpoints").iterdir()] == ["step-00000001"]
    assert train(data, tiny_base, tmp_path / "out", *options, "--seed", "1") == 2
    assert "holds the checkpoint of a run with other options" in capsys.readouterr().err


def test_two_trainings_never_write_to_one_output(
    tmp_path: Path, data: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with sole_writer(tmp_path / "out"):
        assert train(data, tiny_base, tmp_path / "out") == 2
        assert "Another training writes to" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    with sole_writer(tmp_path / "out"):
        pass


def test_a_disk_that_is_too_small_is_refused_before_the_start(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights W; with checkpoints W + 2 (W + 2 W) = 7 W; with moments in 8 bits W + 2 (W + W / 2) = 4 W. What an
    earlier start of the run left counts as room.
    """
    model, _ = load_base_model(str(tiny_base), max_length=512, seed=0)
    size = sum(parameter.numel() * 4 for parameter in model.parameters())
    usage = type("Usage", (), {"free": 7 * size - 1})
    monkeypatch.setattr("lm.training.output.shutil.disk_usage", lambda _: usage)
    refuse_full_disk(tmp_path / "out", model, checkpoints=False)
    with pytest.raises(Refused, match="GiB free and the run needs"):
        refuse_full_disk(tmp_path / "out", model, checkpoints=True)
    refuse_full_disk(tmp_path / "out", model, checkpoints=True, optimizer="adamw8bit")
    (tmp_path / ".out.checkpoints" / "step-00000001").mkdir(parents=True)
    (tmp_path / ".out.checkpoints" / "step-00000001" / "__0_0.distcp").write_bytes(b"1")
    refuse_full_disk(tmp_path / "out", model, checkpoints=True)


def test_all_that_a_run_writes_at_a_time_is_counted(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of PPO: three models 3 W, and two checkpoints of policy, value function, their moments and the policy's
    averages 2 (2 · 3 W + W) = 14 W. Its own earlier models count as room, another run's do not."""
    model, _ = load_base_model(str(tiny_base), max_length=512, seed=0)
    size = sum(parameter.numel() * 4 for parameter in model.parameters())
    monkeypatch.setattr("lm.training.output.shutil.disk_usage", lambda _: SimpleNamespace(free=17 * size - 1))

    def refuse() -> None:
        refuse_full_disk(tmp_path / "out", model, model, models=3, checkpoints=True, averaged=True)

    for place, refused in ((".output.models/000001", True), (".out.models/000001", False)):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "model.safetensors").write_bytes(b"1")
        with pytest.raises(Refused, match="GiB free and the run needs") if refused else nullcontext():
            refuse()


def test_a_loss_that_jumps_stops_the_run() -> None:
    """Usual is 0.9, so 8 times that is 7.2; in a run whose losses are small it is log 2, so 5.55."""
    usual = [0.8, 0.9, 1.0]
    refuse_spike(4, [], 7.1, usual, 8)
    with pytest.raises(Failed, match=r"Step 4: the loss jumped to 7\.300; 0\.900 was usual"):
        refuse_spike(4, [], 7.3, usual, 8)
    small = [0.01]
    refuse_spike(2, [], 5.5, small, 8)
    with pytest.raises(Failed, match=r"0\.693 was usual"):
        refuse_spike(2, [], 5.6, small, 8)
    refuse_spike(4, [], 1000, usual, 0)


@pytest.mark.parametrize(
    "kind", [("--optimizer", "adamw8bit"), ("--lora-rank", "4"), ("--freeze-layers", "1")], ids=lambda kind: kind[0]
)
def test_whatever_trains_goes_on_exactly_after_a_stop(
    kind: tuple[str, str], tmp_path: Path, data: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchao compiles its step, for half a minute; without the compiler it is the same arithmetic."""
    monkeypatch.setattr("torch.compile", lambda step, **_: step)
    options = [*BRIEF, *kind, "--checkpoint-every", "3"]
    assert train(data, tiny_base, tmp_path / "whole", *options) == 0
    with monkeypatch.context() as interrupted:
        interrupted.setattr("rm_trainer.train.refuse_spike", _stop_at(5))
        assert train(data, tiny_base, tmp_path / "out", *options) == 1
    assert train(data, tiny_base, tmp_path / "out", *options) == 0
    assert losses(tmp_path / "out") == losses(tmp_path / "whole")
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("out", "whole")]
    assert weights[0] == weights[1]


def test_a_device_that_is_lost_is_said_with_the_way_to_go_on(
    tmp_path: Path, data: Path, brief: Path, tiny_base: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    options = [*BRIEF, "--checkpoint-every", "2"]
    lost = torch.AcceleratorError("CUDA error: unspecified launch failure\nCUDA kernel errors might be asynchronous.")
    with monkeypatch.context() as patched:
        patched.setattr("rm_trainer.train.refuse_spike", _stop_at(5, lost))
        assert train(data, tiny_base, tmp_path / "out", *options) == 1
    assert events(capsys.readouterr().out)[-1]["message"] == (
        "The device failed: CUDA error: unspecified launch failure. The same command goes on after step 4."
    )
    assert train(data, tiny_base, tmp_path / "out", *options) == 0
    assert losses(tmp_path / "out") == losses(brief)


def test_too_little_memory_says_what_to_lower_and_that_nothing_is_kept(
    tmp_path: Path, data: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    monkeypatch.setattr("rm_trainer.train.refuse_spike", _stop_at(2, full))
    assert train(data, tiny_base, tmp_path / "out", *BRIEF) == 1
    said = capsys.readouterr().err
    assert "lower --tokens-per-microbatch or give --recompute-activations" in said
    assert "No checkpoint had been made" in said


def test_a_disk_that_fills_up_while_a_checkpoint_is_written_leaves_the_one_before(
    tmp_path: Path, data: Path, brief: Path, tiny_base: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """From step 3 on no file may grow over 20 KiB; the checkpoint after it is of step 4."""
    options, limits = [*BRIEF, "--checkpoint-every", "2"], resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(step: int, *_: Any) -> None:
        if step == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20 * 1024, limits[1]))

    try:
        with monkeypatch.context() as patched:
            patched.setattr("rm_trainer.train.refuse_spike", fill)
            assert train(data, tiny_base, tmp_path / "out", *options) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert re.search(r"step-00000004 could not be written: .* goes on after step 2\.", capsys.readouterr().err)
    assert [path.name for path in (tmp_path / ".out.checkpoints").iterdir()] == ["step-00000002"]
    assert train(data, tiny_base, tmp_path / "out", *options) == 0
    assert losses(tmp_path / "out") == losses(brief)


def _stop_at(last: int, error: Exception | None = None) -> Any:
    def stop(step: int, *_: Any) -> None:
        if step == last:
            raise error or Failed("Stopped by the test.")

    return stop


def test_without_torchao_the_8_bit_optimizer_is_refused_with_the_way_to_get_it(
    tmp_path: Path, data: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torchao.optim", None)
    assert train(data, tiny_base, tmp_path / "out", *OPTIONS, "--optimizer", "adamw8bit") == 2
    assert "pip install torchao" in capsys.readouterr().err
