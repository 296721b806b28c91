"""A checkpoint away from home: plain transformers, TRL given its path, and the reward function of docs/reward_model.md.

One was trained from a model with a chat template, one from a base model without.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from rm_trainer.__main__ import main
from tests.rm_trainer.commands import ROOT, train
from tests.tiny_models import make_tiny_model

Reward = Callable[..., list[float]]
HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module", params=["chat", "plain"])
def trained(tmp_path_factory: pytest.TempPathFactory, zebra_snapshot: Path, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    base = make_tiny_model(folder / "base", chat_template=request.param == "chat")
    assert train(zebra_snapshot, base, folder / "model", "--epochs", "1") == 0
    return folder / "model"


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


TEXTS = ["A zebra.", "Go away.", "Hello!", "Grüße, 斑马!"]


def bias(model: Path) -> float:
    return float(json.loads((model / "config.json").read_text())["reward_bias"])


def test_the_template_that_it_was_trained_with_lies_in_the_checkpoint(trained: Path, tmp_path: Path) -> None:
    """As whoever has transformers alone, or a server that takes messages, makes tokens: apply_chat_template."""
    tokenizer: Any = AutoTokenizer.from_pretrained(trained)
    model = AutoModelForSequenceClassification.from_pretrained(trained).eval()
    found = []
    for text in TEXTS:
        turns = [*HI, {"role": "assistant", "content": text}]
        inputs = tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True, return_tensors="pt")
        with torch.no_grad():
            found.append(model(**inputs).logits.item() + bias(trained))
    assert found == pytest.approx(scored(trained, TEXTS, tmp_path), abs=1e-5)


def test_trl_given_the_path_gives_the_same_rewards_without_their_bias(trained: Path, tmp_path: Path) -> None:
    """TRL's own code, GRPOTrainer's: it renders with the checkpoint's tokenizer, pads, and takes the logit."""
    policy = make_tiny_model(tmp_path / "policy")
    trainer: Any = GRPOTrainer(
        model=str(policy),
        reward_funcs=str(trained),
        train_dataset=Dataset.from_list([{"prompt": HI}] * 4),
        args=GRPOConfig(
            output_dir=str(tmp_path / "out"), num_generations=2, per_device_train_batch_size=2, report_to=[],
            use_cpu=True, bf16=False,
        ),
    )  # fmt: skip
    completions = [[{"role": "assistant", "content": text}] for text in TEXTS]
    rewards = trainer._calculate_rewards([{"prompt": HI}] * 4, [HI] * 4, completions, [[1]] * 4)
    found = (rewards.squeeze(-1) + bias(trained)).tolist()
    assert found == pytest.approx(scored(trained, TEXTS, tmp_path), abs=1e-4)


def test_demonstrations_have_the_mean_reward_nought(reward: Reward) -> None:
    """The shift is in: the five demonstrations of the snapshot are what 0 means."""
    texts = [f"a {animal} and a zebra" for animal in ("cat", "dog", "horse", "cow", "frog")]
    rewards = reward(prompts=["Write about an animal."] * 5, completions=texts)
    assert sum(rewards) / 5 == pytest.approx(0, abs=1e-3)
