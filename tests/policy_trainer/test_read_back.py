"""What a run leaves for other programs, read back: the manifest, and TensorBoard's event files."""

import hashlib
import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.lm.snapshots import demonstration, ranking, write_snapshot
from tests.policy_trainer.commands import events, metrics, train

pytestmark = pytest.mark.training

RUNS = {
    "sft": ("--epochs", "2", "--batch-size", "2", "--max-new-tokens", "4"),
    "dpo": ("--epochs", "2", "--rankings-per-batch", "2", "--max-new-tokens", "4"),
    "ppo": ("--episodes", "32", "--batch", "16", "--minibatch", "16", "--max-new-tokens", "4", "--watch-every", "1"),
}


def curves(directory: Path) -> dict[str, dict[int, float]]:
    """Of one of TensorBoard's runs: by tag the value of each step."""
    read = EventAccumulator(str(directory))
    read.Reload()
    return {tag: {one.step: one.value for one in read.Scalars(tag)} for tag in read.Tags()["scalars"]}


@pytest.mark.parametrize("command", RUNS)
def test_manifest_and_curves_say_what_the_report_says(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path, command: str
) -> None:
    out = tmp_path / "out"
    more = () if command == "dpo" else ("--reward-model", str(tiny_reward_model))
    assert train(command, snapshot, tiny_base, out, *RUNS[command], *more) == 0
    told = metrics(out)

    manifest = json.loads((out / "manifest.json").read_text())
    for name in ("method", "base", "snapshot_sha256", "config", "schedule", "tokens", "reward_model", "code"):
        assert manifest[name] == told[name], name
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    assert set(manifest["files"]) == set(files) - {"manifest.json"}
    for name, sha256 in manifest["files"].items():
        assert hashlib.sha256(files[name].read_bytes()).hexdigest() == sha256, name

    steps = events(out, "step")
    train_curves = curves(out / "tensorboard" / "train")
    for figure in ("loss", "learning_rate", "tokens"):
        assert train_curves[figure] == pytest.approx({one["step"]: one[figure] for one in steps}), figure
    assert sum(train_curves["tokens"].values()) == told["tokens"]["trained"]
    if command == "ppo":
        for figure, value in told["figures"].items():
            assert train_curves[figure][len(steps)] == pytest.approx(value, rel=1e-6, abs=1e-9), figure
        watched = {look["iteration"]: look["watched"] for look in told["looks"]}
        assert curves(out / "tensorboard" / "samples")["watched"] == pytest.approx(watched)
    elif command == "sft":
        valid = curves(out / "tensorboard" / "valid")
        for figure, name in (("loss", "valid_loss"), ("reward", "reward")):
            assert valid[figure] == pytest.approx({row["step"]: row[name] for row in told["epochs"]})
    else:
        valid = curves(out / "tensorboard" / "valid")
        assert valid["loss"][len(steps)] == pytest.approx(told["figures"]["valid_loss"])
        assert valid["accuracy"][len(steps)] == pytest.approx(told["figures"]["valid_accuracy"])


def test_what_is_unusual_of_a_run_is_in_its_report(tmp_path: Path, tiny_base: Path, tiny_reward_model: Path) -> None:
    """One demonstration, the demonstrations' own texts as pretraining text, and nothing to watch by or on."""
    data = write_snapshot(tmp_path / "data", demonstrations={"train": [demonstration(1, "a zebra")]})
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("Swifts sleep in the air. " * 20)
    reward = ("--reward-model", str(tiny_reward_model))
    for command, options, sentences in (
        ("sft", ("--pretraining", str(tmp_path / "text"), "--epochs", "1"), (
            "There is one demonstration: the model will learn to say it.", f" rows of {tmp_path / 'text'}.",
        )),
        ("ppo", (*RUNS["ppo"], *reward, "--gamma", "0.5", "--pretraining-examples", "1"), (
            "rows of the demonstrations' own texts, since no --pretraining was given.",
            "There are no held-out prompts, so nothing is watched and the last model is kept.",
            "Rewards are the reward model's with its bias, divided by 1;",
        )),
    ):  # fmt: skip
        assert train(command, data, tiny_base, tmp_path / command, *options) == 0
        notes = metrics(tmp_path / command)["notes"]
        card = (tmp_path / command / "README.md").read_text()
        for sentence in sentences:
            (note,) = [one for one in notes if sentence in one]
            assert f"* {note}" in card


def test_what_is_left_out_or_shortened_is_in_its_report(
    tmp_path: Path, tiny_base: Path, tiny_reward_model: Path
) -> None:
    long = "a zebra " * 200
    data = write_snapshot(
        tmp_path / "data",
        rankings={
            "train": [
                ranking(1, [("a", 1), ("b", 2)]),
                ranking(2, [("a", 1), ("b", 1)], prompt_id=2),
                ranking(3, [("a", 1), (long, 2)], prompt_id=3),
            ]
        },
        demonstrations={
            "train": [demonstration(1, "a"), demonstration(2, "b", prompt=long), demonstration(3, long)],
        },
    )
    reward = ("--reward-model", str(tiny_reward_model))
    for command, options, sentences in (
        ("sft", ("--epochs", "1"), (
            "train: 1 demonstration is over 512 tokens; 1,111 tokens at the start are lost.",
            "none is ever cut (first in demonstration 3: it takes 1603 tokens, and the limit is 512).",
        )),
        ("dpo", RUNS["dpo"], (
            "train: 1 ranking is one single tie and makes no pair.", "none is ever cut (first in ranking 3: it takes",
        )),
        ("ppo", (*RUNS["ppo"], *reward, "--leave-out-long-prompts"), (
            "1 prompt leaves no room for an answer",
        )),
    ):  # fmt: skip
        assert train(command, data, tiny_base, tmp_path / command, *options) == 0
        card = (tmp_path / command / "README.md").read_text()
        for sentence in sentences:
            (note,) = [one for one in metrics(tmp_path / command)["notes"] if sentence in one]
            assert f"* {note}" in card
