"""Reward models that would mislead."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import pytest
from safetensors.torch import load_file, save_file

from lm.errors import Failed, Refused
from lm.snapshot.reading import open_snapshot
from policy_trainer.model import Policy
from policy_trainer.reward import further_models, load_checked
from policy_trainer.reward_checks import in_common, measured_order, refuse_constant
from rm_trainer.protocol import Item, Scored
from tests.lm.snapshots import ranking, write_snapshot
from tests.policy_trainer.commands import metrics, run, train
from tests.tiny_models import make_tiny_reward_model

pytestmark = pytest.mark.training

SHORT = ("--episodes", "16", "--batch", "16", "--minibatch", "16", "--max-new-tokens", "4", "--watch-prompts", "2")
WATCHED = "--watched-reward-model"


def test_reward_models_that_would_mislead_are_refused(policy: Policy, tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"the reward 0\.500000\. It tells nothing apart"):
        refuse_constant([[0.5, 0.5], [0.5]])
    refuse_constant([[0.5]])
    other = make_tiny_reward_model(tmp_path / "plain", chat_template=False)
    with pytest.raises(Refused, match="another chat template than the policy"):
        load_checked(other, policy)
    inverted = make_tiny_reward_model(tmp_path / "inverted")
    (inverted / "metrics.json").write_text('{"valid": {"pair_accuracy": 0.3, "pairs": 40}}')
    with pytest.raises(Refused, match="orders 30% of 40 validation pairs"):
        load_checked(inverted, policy)
    with pytest.raises(Refused, match="is not a directory"):
        load_checked(tmp_path / "nowhere", policy)
    with pytest.raises(Refused, match="holds no reward models"):
        further_models(tmp_path / "nowhere")
    state = json.loads((inverted / "tokenizer.json").read_text())
    words = state["model"]["vocab"]
    words["A"], words["B"] = words["B"], words["A"]
    (inverted / "tokenizer.json").write_text(json.dumps(state))
    with pytest.raises(Refused, match="another tokenizer than the policy"):
        load_checked(inverted, policy)


@pytest.mark.parametrize("command", ["ppo", "best-of-n"])
def test_a_reward_model_does_not_watch_itself(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path, tiny_watched_reward_model: Path,
    command: str, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Neither a copy of it, nor one of several that are optimised together."""
    copy = copytree(tiny_reward_model, tmp_path / "copy")
    ensemble = tmp_path / "ensemble"
    copytree(tiny_watched_reward_model, ensemble / "first")
    given = ("--reward-model", str(tiny_reward_model))
    tries: list[tuple[str, ...]] = [(WATCHED, str(tiny_reward_model)), (WATCHED, str(copy))]
    if command == "ppo":
        tries.append((WATCHED, str(tiny_watched_reward_model), "--ensemble", str(ensemble)))
    for more in tries:
        assert run(command, snapshot, tiny_base, tmp_path / "out", *given, *more) == 2
        assert f"{WATCHED} {more[1]} is optimised, too: it would see what it likes." in capsys.readouterr().err


def learned_from(directory: Path, sha256: str, campaign: str, *, half: str = "all") -> None:
    told = {"config": {"half": half}, "snapshot": {"sha256": sha256, "filters": {"campaign": campaign}}, "valid": None}
    (directory / "metrics.json").write_text(json.dumps(told))


def test_a_run_says_what_its_two_reward_models_learned_from_both(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path, tiny_watched_reward_model: Path
) -> None:
    one = copytree(tiny_reward_model, tmp_path / "one")
    other = copytree(tiny_watched_reward_model, tmp_path / "other")
    assert in_common(other, one).startswith(f"Whether {other} learned from other labels than {one} isn't known")
    learned_from(one, "1", "animals")
    learned_from(other, "2", "plants")
    assert in_common(other, one) == ""
    learned_from(other, "2", "animals")
    assert "learned from snapshots with the same filters" in in_common(other, one)
    learned_from(one, "1", "animals", half="first")
    learned_from(other, "1", "animals", half="second")
    assert in_common(other, one) == ""
    learned_from(other, "1", "animals", half="first")
    assert "learned from the same labels" in in_common(other, one)
    learned_from(one, "1", "animals")
    learned_from(other, "1", "animals")
    said = in_common(other, one)
    assert said == f"{other} and {one} learned from the same labels: what misleads one misleads the other."
    out = tmp_path / "out"
    given = ("--reward-model", str(one), WATCHED, str(other))
    assert train("ppo", snapshot, tiny_base, out, *SHORT, *given) == 0
    assert said in metrics(out)["notes"]
    assert f"* {said}" in (out / "README.md").read_text()


@dataclass
class Likes:
    """Rewards an answer by its length, `each` a letter."""

    each: float

    def score(self, items: Sequence[Item]) -> list[Scored]:
        return [Scored(self.each * len(item.completion) or None) for item in items]


def test_a_reward_model_without_figures_is_measured_by_the_rankings_that_there_are(
    tmp_path: Path, snapshot: Path
) -> None:
    """The longest is best: six pairs a ranking. An empty answer is one that it can't read."""
    longer = [("a b c d", 1), ("a b c", 2), ("a b", 3), ("a", 4)]
    rankings = [ranking(n, longer, prompt=f"prompt {n}") for n in range(1, 10)]
    rankings.append(ranking(10, [("", 2), ("a b", 1)], prompt="unread"))
    data = open_snapshot(write_snapshot(tmp_path / "data", rankings={"valid": rankings}))
    model = tmp_path / "model"
    said = measured_order(model, Likes(1), data)
    assert (
        said == f"{model} has no validation figures. It orders 100% of 54 pairs of the split valid as the labelers did."
    )
    with pytest.raises(Refused, match="orders 0% of 54 validation pairs as the labelers did: worse than chance"):
        measured_order(model, Likes(-1), data)
    assert "of 4 pairs of the split valid as the labelers did, which are too few to tell" in measured_order(
        model, Likes(1), open_snapshot(snapshot)
    )
    nothing = open_snapshot(write_snapshot(tmp_path / "nothing", rankings={"train": rankings}))
    assert "so nobody knows whether it orders answers as the labelers did" in measured_order(model, Likes(1), nothing)
    model.mkdir()
    (model / "metrics.json").write_text(json.dumps({"valid": {"pair_accuracy": 0.7, "pairs": 40}}))
    assert measured_order(model, Likes(-1), data) == ""


@pytest.mark.parametrize(("command", "figures"), [("sft", True), ("sft", False), ("ppo", True), ("ppo", False)])
def test_a_constant_reward_model_ends_a_run_whether_it_has_figures_or_not(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path, tiny_watched_reward_model: Path,
    command: str, figures: bool, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """As the one that chooses SFT's epoch, or watches PPO."""
    constant = copytree(tiny_watched_reward_model, tmp_path / "constant")
    tensors = load_file(constant / "model.safetensors")
    tensors["score.weight"] *= 0
    save_file(tensors, constant / "model.safetensors", metadata={"format": "pt"})
    if figures:
        (constant / "metrics.json").write_text(json.dumps({"valid": {"pair_accuracy": 0.5, "pairs": 40}}))
    options: tuple[str, ...] = ("--reward-model", str(constant), "--max-new-tokens", "4")
    if command == "ppo":
        options = (*SHORT, "--reward-model", str(tiny_reward_model), WATCHED, str(constant))
    assert train(command, snapshot, tiny_base, tmp_path / "out", *options) == 1
    assert "the reward 0.000000. It tells nothing apart" in capsys.readouterr().err


def test_a_run_says_that_the_order_of_its_reward_model_is_not_known(
    tmp_path: Path, snapshot: Path, tiny_base: Path, tiny_reward_model: Path, tiny_watched_reward_model: Path
) -> None:
    reward = ("--reward-model", str(tiny_reward_model))
    for command, options in (
        ("sft", (*reward, "--epochs", "1", "--max-new-tokens", "4")),
        ("ppo", (*SHORT, *reward, WATCHED, str(tiny_watched_reward_model))),
    ):
        assert train(command, snapshot, tiny_base, tmp_path / command, *options) == 0
        said = " ".join(metrics(tmp_path / command)["notes"])
        assert f"{tiny_reward_model} has no validation figures. It orders" in said
        assert (f"{tiny_watched_reward_model} has no validation figures." in said) == (command == "ppo")
