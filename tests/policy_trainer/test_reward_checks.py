"""Reward models that would mislead."""

import json
from pathlib import Path
from shutil import copytree

import pytest

from lm.errors import Failed, Refused
from policy_trainer.model import Policy
from policy_trainer.reward import further_models, load_checked
from policy_trainer.reward_checks import in_common, refuse_constant
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


def learned_from(directory: Path, sha256: str, campaign: str) -> None:
    told = {"snapshot": {"sha256": sha256, "filters": {"campaign": campaign}}, "valid": None}
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
    learned_from(other, "1", "animals")
    said = in_common(other, one)
    assert said == f"{other} and {one} learned from the same labels: what misleads one misleads the other."
    out = tmp_path / "out"
    given = ("--reward-model", str(one), WATCHED, str(other))
    assert train("ppo", snapshot, tiny_base, out, *SHORT, *given) == 0
    assert said in metrics(out)["notes"]
    assert f"* {said}" in (out / "README.md").read_text()
