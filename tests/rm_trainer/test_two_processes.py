"""Two processes take the steps that one takes, refuse together, and go on together after a stop."""

import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.testing import assert_close
from transformers import AutoConfig, LlamaForCausalLM

from lm.errors import Failed
from lm.training.output import sole_writer
from rm_trainer.__main__ import main
from tests.forks import run_in_two
from tests.lm.snapshots import demonstration, write_snapshot
from tests.once import made_once
from tests.rm_trainer.commands import events, read_json, train_argv
from tests.rm_trainer.conftest import zebra_rankings
from tests.rm_trainer.two_processes import started_by_torchrun

pytestmark = pytest.mark.slow

# 19 rankings in batches of 3: in a step of every epoch there is one for two processes.
BATCHES = (
    "--rankings-per-batch",
    "3",
    "--tokens-per-microbatch",
    "1",
    "--epochs",
    "1",
    "--learning-rate",
    "3e-4",
    "--device",
    "cpu",
)
RUNS: dict[str, tuple[str, ...]] = {
    "plain": ("--epochs", "2", "--eval-every", "5"),
    "several at a time": ("--tokens-per-microbatch", "1000"),
    "frozen and recomputed": ("--freeze-layers", "1", "--recompute-activations"),
    "adapters": ("--lora-rank", "4", "--adam-epsilon", "1e-6"),
    "bfloat16": ("--dtype", "bfloat16", "--recompute-activations"),
    "8 bits": ("--optimizer", "adamw8bit"),
}


LONG = (*RUNS["8 bits"], "--epochs", "8")
"""56 steps: on a busy machine some pass between a signal and its effect."""
BEGUN_ALONE = ("plain", "adapters", "8 bits")


@dataclass(frozen=True)
class Together:
    """What two processes left: `statuses` of every rank by run, the output directories under `place`."""

    place: Path
    statuses: list[dict[str, int]]
    said: str


@pytest.fixture(scope="module", autouse=True)
def _uncompiled() -> Iterator[None]:
    """torchao compiles its step, for half a minute; without the compiler it is the same arithmetic."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("torch.compile", lambda step, **_: step)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_snapshot(
        tmp_path_factory.mktemp("data"),
        rankings={"train": zebra_rankings(range(1, 20)), "valid": zebra_rankings(range(101, 106))},
        demonstrations={"train": [demonstration(1, "a zebra"), demonstration(2, "a cow"), demonstration(3, "a cat")]},
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Path:
    """Wide enough for moments in 8 bits: tensors under 4,096 numbers keep theirs in full."""
    directory = shutil.copytree(tiny_base, tmp_path_factory.mktemp("wide") / "base")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = AutoConfig.from_pretrained(directory)
        config.hidden_size, config.head_dim = 128, 32
        LlamaForCausalLM(config).save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory, data: Path, base: Path) -> Together:
    return made_once(tmp_path_factory, "rm_trainer-together", lambda place: _run_together(place, data, base))


def _run_together(place: Path, data: Path, base: Path) -> Together:
    commands = {name: train_argv(data, base, place / name, *BATCHES, *options) for name, options in RUNS.items()}
    commands |= {
        "long": train_argv(data, base, place / "long", *BATCHES, *LONG),
        "no base": train_argv(data, place / "nowhere", place / "no base"),
        "in use": train_argv(data, base, place / "in use"),
        "one device": train_argv(data, base, place / "one device", "--device", "cpu:0"),
        "evaluated": _evaluation(data, place / "plain", place / "evaluated.json"),
        "scored": ["score", "--model", str(place / "plain"), "--input", "-", "--output", "-"],
    }
    for name in BEGUN_ALONE:
        commands[f"{name}, begun alone"] = [
            *train_argv(data, base, place / f"{name}, begun alone", *BATCHES, *RUNS[name]), "--checkpoint-every", "4"
        ]  # fmt: skip
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("rm_trainer.train.refuse_spike", _stop_at_step_6)
            assert main(commands[f"{name}, begun alone"]) == 1
    with sole_writer(place / "in use"):
        statuses, said = run_in_two(main, list(commands.values()), place)
    return Together(place, [dict(zip(commands, one, strict=True)) for one in statuses], said)


@pytest.mark.parametrize("name", RUNS)
def test_two_processes_take_the_same_steps_as_one(
    name: str, together: Together, data: Path, base: Path, tmp_path: Path
) -> None:
    """To float32's last digits; 8-bit moments are rounded in other blocks, bfloat16's products in other sums."""
    assert [one[name] for one in together.statuses] == [0, 0]
    assert main(train_argv(data, base, tmp_path / "one", *BATCHES, *RUNS[name])) == 0
    exact = name not in {"bfloat16", "8 bits"}
    assert len(losses(together.place / name)) == (14 if name == "plain" else 7)
    assert losses(together.place / name) == pytest.approx(
        losses(tmp_path / "one"), rel=1e-4 if exact else 0.05, abs=1e-6
    )
    two, one = weights(together.place / name), weights(tmp_path / "one")
    assert two.keys() == one.keys()
    if exact:
        assert_close(two, one, rtol=1e-4, atol=1e-5)
        for split in ("train", "valid"):
            metrics = [read_json(path / "metrics.json")[split] for path in (together.place / name, tmp_path / "one")]
            assert metrics[0]["pair_accuracy"] == metrics[1]["pair_accuracy"]
            assert metrics[0]["loss"] == pytest.approx(metrics[1]["loss"], rel=1e-4)


@pytest.mark.parametrize("name", BEGUN_ALONE)
def test_they_go_on_with_what_one_process_began(name: str, together: Together) -> None:
    begun = f"{name}, begun alone"
    assert [one[begun] for one in together.statuses] == [0, 0]
    assert "Going on after step 4." in together.said
    close = pytest.approx(losses(together.place / name), rel=1e-4 if name != "8 bits" else 0.05, abs=1e-6)
    assert losses(together.place / begun) == close


def test_what_they_write_names_how_many_they_were(together: Together) -> None:
    assert read_json(together.place / "plain" / "metrics.json")["processes"] == 2
    leftovers = [path.name for path in together.place.iterdir() if path.name.startswith(".")]
    assert leftovers == []


def test_a_split_is_evaluated_by_both_as_by_one(together: Together, data: Path, tmp_path: Path) -> None:
    assert [one["evaluated"] for one in together.statuses] == [0, 0]
    assert main(_evaluation(data, together.place / "plain", tmp_path / "one.json")) == 0
    two, one = read_json(together.place / "evaluated.json"), read_json(tmp_path / "one.json")
    assert two["metrics"]["pair_accuracy"] == one["metrics"]["pair_accuracy"]
    for left, right in zip(two["rankings"], one["rankings"], strict=True):
        assert left["ranking_id"] == right["ranking_id"]
        assert left["rewards"] == pytest.approx(right["rewards"], abs=1e-5)


@pytest.mark.parametrize(("name", "words"), [
    ("no base", "nowhere does not exist"),
    ("in use", "Another training writes to"),
    ("one device", "--device cpu:0 is one device and there are 2 processes"),
    ("scored", "score runs in one process"),
])  # fmt: skip
def test_a_refusal_ends_both_with_one_message(name: str, words: str, together: Together) -> None:
    """The lock is the first process's business; the second hears of it."""
    assert [one[name] for one in together.statuses] == [2, 2]
    assert together.said.count(words) == 1


def test_a_killed_process_ends_the_run_and_the_same_command_goes_on_to_the_same_losses(
    tmp_path: Path, data: Path, base: Path, together: Together
) -> None:
    """SIGTERM first, to the second process alone: both save the step that it meets. Then kill -9. Moments in 8 bits."""
    argv = train_argv(data, base, tmp_path / "out", *BATCHES, *LONG, "--checkpoint-every", "3")
    assert _stopped(argv, after=1, by=signal.SIGTERM) == ["Terminated before the end."]
    (kept,) = (tmp_path / ".out.checkpoints").iterdir()
    step = int(kept.name.removeprefix("step-"))
    assert step < 40
    assert (kept / "__1_0.distcp").exists()

    ended = _stopped(argv, after=step + 3, by=signal.SIGKILL)
    assert ended[-1].startswith("Another process of the run is gone: ")
    went_on = re.search(r"The same command goes on after step (\d+)\.$", ended[-1])
    assert went_on
    assert int(went_on[1]) % 3 == 0
    assert int(went_on[1]) > step
    assert not (tmp_path / "out").exists()

    with started_by_torchrun(argv) as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert errors.count("Going on after step") == 1
    assert losses(tmp_path / "out") == losses(together.place / "long")
    assert_close(weights(tmp_path / "out"), weights(together.place / "long"), rtol=0, atol=0)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _stopped(argv: list[str], *, after: int, by: signal.Signals) -> list[str]:
    """The error messages of a run whose second process gets the signal in some step after `after`."""
    with started_by_torchrun(argv) as process:
        assert process.stdout is not None
        assert any(f'"step": {after},' in line for line in process.stdout), process.communicate()[1]
        (second,) = [one for one in psutil.Process(process.pid).children() if one.environ().get("RANK") == "1"]
        second.send_signal(by)
        output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    return [event["message"] for event in events(output) if event["event"] == "error"]


def _stop_at_step_6(step: int, *_: Any) -> None:
    if step == 6:
        raise Failed("Stopped by the test.")


def _evaluation(data: Path, model: Path, output: Path) -> list[str]:
    options = ["--split", "valid", "--output", str(output), "--device", "cpu", "--threads", "1"]
    return ["evaluate", "--data", str(data), "--model", str(model), *options]


def losses(output: Path) -> list[float]:
    log: list[dict[str, Any]] = events((output / "training_log.jsonl").read_text())
    return [event["loss"] for event in log if event["event"] == "step"]


def weights(output: Path) -> dict[str, Tensor]:
    return load_file(output / "model.safetensors")
