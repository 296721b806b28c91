"""Two processes come to what one comes to: the same answers, the same steps, the same model."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from lm.errors import Failed
from policy_trainer.__main__ import main
from policy_trainer.model import load_policy
from tests.forks import run_in_two
from tests.once import made_once
from tests.policy_trainer.commands import events, metrics
from tests.tiny_models import make_tiny_model

pytestmark = [pytest.mark.slow, pytest.mark.training, pytest.mark.processes]

ALL = ("--preset", "tiny", "--progress", "jsonl", "--threads", "1", "--device", "cpu", "--learning-rate", "3e-4",
       "--max-new-tokens", "6", "--tokens-per-microbatch", "60", "--samples", "2")  # fmt: skip
SFT = ("--epochs", "1", "--batch-size", "3", "--reward-model", "REWARD", "--keep-epochs")
PPO = ("--reward-model", "REWARD", "--episodes", "32", "--batch", "16", "--minibatch", "8", "--watch-every", "0",
       "--learning-rate", "3e-3")  # fmt: skip
RUNS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "sft": ("sft", "tied", (*SFT, "--pretraining", "TEXT", "--pretraining-share", "0.3", "--pretraining-length", "16")),
    "sft with adapters": ("sft", "base", (*SFT, "--lora-rank", "4", "--adam-epsilon", "1e-6")),
    "dpo": ("dpo", "tied", ("--rankings-per-batch", "3", "--epochs", "2")),
    "ppo": (
        "ppo", "tied", (*PPO, "--gamma", "0.5", "--pretraining-examples", "1", "--ensemble", "ENSEMBLE",
                        "--checkpoint-every", "1"),
    ),
    "ppo with adapters": ("ppo", "base", (*PPO, "--lora-rank", "4", "--watched-reward-model", "WATCHED")),
    "ppo without a value function": (
        "ppo", "base", (*PPO, "--advantage", "leave-one-out", "--recompute-activations", "--episodes", "16"),
    ),
}  # fmt: skip
"""By name: the command, the model that it begins from, and options. Gemma's head is its embeddings."""
BEST_OF_N = ("--n", "3", "--max-new-tokens", "6", "--split", "train", "--dtype", "float32", "--threads", "1",
             "--device", "cpu")  # fmt: skip


@dataclass(frozen=True)
class Made:
    """What both kinds of runs are given, and where they write."""

    place: Path
    data: Path
    places: dict[str, Path]

    def argv(self, name: str, output: Path) -> list[str]:
        command, base, options = RUNS[name]
        given = [str(self.places.get(option, option)) for option in options]
        where = ("--data", str(self.data), "--base", str(self.places[base]), "--output", str(output))
        return [command, *where, *ALL, *given]

    def best_of_n(self, output: Path) -> list[str]:
        where = ("--data", str(self.data), "--base", str(self.places["base"]), "--output", str(output))
        return ["best-of-n", *where, "--reward-model", str(self.places["REWARD"]), *BEST_OF_N]


@dataclass(frozen=True)
class Together(Made):
    """`statuses` of every rank by run."""

    statuses: list[dict[str, int]]
    said: str


@pytest.fixture(scope="module")
def together(
    tmp_path_factory: pytest.TempPathFactory, snapshot: Path, tiny_base: Path, tiny_reward_model: Path,
    tiny_watched_reward_model: Path,
) -> Together:  # fmt: skip
    tied = make_tiny_model(tmp_path_factory.mktemp("tied"), architecture="gemma3")
    text = tmp_path_factory.mktemp("text")
    (text / "a.txt").write_text("Once upon a time. " * 20)
    ensemble = tmp_path_factory.mktemp("ensemble")
    (ensemble / "first").symlink_to(tiny_reward_model)
    places = {
        "base": tiny_base, "tied": tied, "REWARD": tiny_reward_model, "WATCHED": tiny_watched_reward_model,
        "TEXT": text, "ENSEMBLE": ensemble,
    }  # fmt: skip
    return made_once(
        tmp_path_factory, "policy_trainer-together", lambda place: _run_together(Made(place, snapshot, places))
    )


def _run_together(made: Made) -> Together:
    place = made.place
    commands = {name: made.argv(name, place / name) for name in RUNS}
    commands["best-of-n"] = made.best_of_n(place / "curve.json")
    commands["begun alone"] = made.argv("ppo", place / "begun alone")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("policy_trainer.ppo.refuse_broken_numbers", _stop_in_the_second)
        assert main(commands["begun alone"]) == 1
    statuses, said = run_in_two(main, list(commands.values()), place)
    return Together(place, made.data, made.places, [dict(zip(commands, one, strict=True)) for one in statuses], said)


@pytest.mark.parametrize("name", RUNS)
def test_two_processes_come_to_what_one_comes_to(name: str, together: Together, tmp_path: Path) -> None:
    assert [one[name] for one in together.statuses] == [0, 0], together.said
    assert main(together.argv(name, tmp_path / "one")) == 0
    _alike(together.place / name, tmp_path / "one")
    assert metrics(together.place / name)["processes"] == 2
    load_policy(str(together.place / name), max_length=64)  # which refuses weights that are missing


def test_they_go_on_with_what_one_process_began(together: Together) -> None:
    assert [one["begun alone"] for one in together.statuses] == [0, 0], together.said
    assert "Going on after iteration 1." in together.said
    _alike(together.place / "begun alone", together.place / "ppo")
    assert [path.name for path in together.place.iterdir() if path.name.startswith(".")] == []


def test_the_best_of_n_is_that_of_one_process(together: Together, tmp_path: Path) -> None:
    assert [one["best-of-n"] for one in together.statuses] == [0, 0], together.said
    assert main(together.best_of_n(tmp_path / "curve.json")) == 0
    two, one = (json.loads((path / "curve.json").read_text())["rows"] for path in (together.place, tmp_path))
    assert [row["reward"] for row in two] == pytest.approx([row["reward"] for row in one], abs=1e-5)


def _alike(two: Path, one: Path) -> None:
    """Weights and every figure to float32's last digits; what was drawn exactly."""
    assert_close(load_file(two / "model.safetensors"), load_file(one / "model.safetensors"), rtol=1e-4, atol=1e-5)
    for kind in ("step", "valid"):
        found = [_figures(event) for event in events(two, kind)]
        expected = [_figures(event) for event in events(one, kind)]
        assert len(found) == len(expected)
        for left, right in zip(found, expected, strict=True):
            assert left == pytest.approx(right, rel=2e-3, abs=1e-5)
    drawn = [
        [sample["text"] for event in events(path, "samples") for sample in event["samples"]] for path in (two, one)
    ]
    assert drawn[0] == drawn[1]
    assert metrics(two)["chosen"] == metrics(one)["chosen"]
    if (one / "rollouts").is_dir():
        assert _tokens(two) == _tokens(one)


def _figures(event: dict[str, Any]) -> dict[str, float]:
    return {"loss": event["loss"], **event.get("figures", {})}


def _tokens(output: Path) -> list[list[list[int]]]:
    files = sorted((output / "rollouts").iterdir())
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [[answer["tokens"] for answer in line["answers"]] for line in lines]


def _stop_in_the_second(iteration: int, *_: Any, **__: Any) -> None:
    if iteration == 2:
        raise Failed("Stopped by the test.")
