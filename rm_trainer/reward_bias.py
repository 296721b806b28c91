"""The bias that gives labelers' demonstrations mean reward 0 (InstructGPT C.2), so that 0 reads as "as good as a
human's answer".

The loss sees only differences of rewards, so their level is arbitrary until this sets it.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import PreTrainedModel

from lm.errors import Failed
from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.prefix_sharing.strategy import Strategy, choose_strategy
from lm.training.batches import parts
from lm.training.runtime import Runtime
from rm_trainer.evaluate import AT_ONCE, rewards_of
from rm_trainer.metrics import BiasFigures
from rm_trainer.model import load_reward_model, reward_bias

TOLERANCE = 1e-3


def for_mean_zero(
    model: PreTrainedModel,
    runtime: Runtime,
    sharing: Strategy,
    demonstrations: Sequence[SharedPrompt],
    *,
    tokens: int,
) -> float:
    """Minus the demonstrations' mean reward without it; 0 when there are none. `tokens` in memory at a time."""
    return -_mean(model, runtime, sharing, demonstrations, tokens=tokens) if demonstrations else 0.0


def check_written(
    directory: Path, runtime: Runtime, demonstrations: Sequence[SharedPrompt], *, tokens: int
) -> BiasFigures:
    """Reads the written model back, and returns what its bias is and what mean the demonstrations have
    with it.

    Raises Failed when that isn't 0 to within TOLERANCE: the files then don't hold the model that was trained.
    """
    with runtime.processes.in_turn():
        model, _ = load_reward_model(str(directory), max_length=None)
        runtime.place(model)
    bias = reward_bias(model)
    if not demonstrations:
        note = "There were no demonstrations: the bias is 0 and the rewards' level means nothing."
        return {"reward_bias": bias, "demonstrations": {"count": 0, "mean_reward": None, "note": note}}
    sharing = choose_strategy(model, runtime.device)
    mean = _mean(model, runtime, sharing, demonstrations, tokens=tokens) + bias
    if abs(mean) > TOLERANCE:
        raise Failed(
            f"The written model gives demonstrations the mean reward {mean:.6f} instead of 0, so it was discarded."
        )
    return {"reward_bias": bias, "demonstrations": {"count": len(demonstrations), "mean_reward": mean, "note": None}}


def _mean(
    model: PreTrainedModel,
    runtime: Runtime,
    sharing: Strategy,
    demonstrations: Sequence[SharedPrompt],
    *,
    tokens: int,
) -> float:
    rewards = [
        rewards_of(model, runtime, sharing, list(some), tokens=tokens) for some in parts(demonstrations, AT_ONCE)
    ]
    return float(torch.cat(rewards).double().mean())
