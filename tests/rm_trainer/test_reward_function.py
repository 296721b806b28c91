"""A checkpoint away from home: plain transformers, and the reward function of docs/reward_model.md as TRL calls it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rm_trainer.__main__ import main
from tests.rm_trainer.commands import ROOT, train

Reward = Callable[..., list[float]]
HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, zebra_snapshot: Path, tiny_base: Path) -> Path:
    output = tmp_path_factory.mktemp("trained") / "model"
    assert train(zebra_snapshot, tiny_base, output, "--epochs", "1") == 0
    return output


@pytest.fixture(scope="module")
def reward(trained: Path) -> Reward:
    """What the page says to write, run as it stands."""
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "reward_model.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {"CHECKPOINT": str(trained)}
    exec(program, names)
    found: Reward = names["reward"]
    return found


def scored(model: Path, completions: list[str], tmp_path: Path) -> list[float]:
    """What `python -m rm_trainer score` says of them after HI."""
    lines = [json.dumps({"prompt": HI, "completion": completion}) + "\n" for completion in completions]
    (tmp_path / "in.jsonl").write_text("".join(lines))
    files = ["--input", str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out.jsonl")]
    assert main(["score", "--model", str(model), *files]) == 0
    return [json.loads(line)["reward"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]


def test_the_pages_reward_function_gives_what_our_own_command_gives(
    reward: Reward, trained: Path, tmp_path: Path
) -> None:
    """Called as TRL's GRPOTrainer does: lists by keyword, with token ids, columns of the dataset and its own state."""
    texts = ["A zebra.", "A cat.", "Grüße, 斑马!"]
    rewards = reward(
        prompts=[HI] * 3,
        completions=[[{"role": "assistant", "content": text}] for text in texts],
        completion_ids=[[1], [2], [3]],
        use_case=["chat"] * 3,
        trainer_state=None,
    )
    assert all(type(one) is float for one in rewards)
    assert torch.tensor(rewards).shape == (3,)
    assert rewards == pytest.approx(scored(trained, texts, tmp_path), abs=1e-5)
    assert len(set(rewards)) == 3


def test_plain_texts_are_taken_as_well(reward: Reward, trained: Path, tmp_path: Path) -> None:
    rewards = reward(prompts=["Hi", "Hi"], completions=["A zebra.", "A cat."])
    assert rewards == pytest.approx(scored(trained, ["A zebra.", "A cat."], tmp_path), abs=1e-5)


def test_demonstrations_have_the_mean_reward_nought(reward: Reward) -> None:
    """The shift is in: the five demonstrations of the snapshot are what 0 means."""
    texts = [f"a {animal} and a zebra" for animal in ("cat", "dog", "horse", "cow", "frog")]
    rewards = reward(prompts=["Write about an animal."] * 5, completions=texts)
    assert sum(rewards) / 5 == pytest.approx(0, abs=1e-3)
