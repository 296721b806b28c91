"""`python -m benchmarks.policy.our_learning JSON`: policy_trainer's loop, whose policies are written as it goes."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from benchmarks.policy.quality import BATCH, Learning, reward_of
from lm.training.runtime import Runtime
from policy_trainer.arguments import PpoArguments
from policy_trainer.maths.ema import MovingAverage
from policy_trainer.model import load_policy
from policy_trainer.networks import Networks
from policy_trainer.ppo import ppo_iterations
from policy_trainer.ppo_setup import ppo_optimizer
from policy_trainer.reward import RewardDoor, load_checked
from policy_trainer.rollout import Rollout, Sampling, prompt_of, sample
from rm_trainer.protocol import Item, Scored


class Rule:
    def score(self, items: Sequence[Item]) -> list[Scored]:
        return [Scored(reward_of(item.completion)) for item in items]


def learn(learning: Learning, advantage: Any, base: Path, reward: Path, output: Path) -> float:
    """Seconds. `advantage` as --advantage; the value function of `gae` begins as the reward model of random weights."""
    torch.manual_seed(learning.seed)
    runtime = Runtime(device=torch.device("cpu"), dtype=torch.float32)
    policy = load_policy(str(base), max_length=256)
    value = load_checked(reward, policy).model if advantage == "gae" else None
    networks = Networks(policy.model, value, runtime)
    arguments = PpoArguments(
        data=output, base=str(base), output=output, reward_model=reward, episodes=BATCH * learning.iterations,
        batch=BATCH, minibatch=BATCH, completions=learning.k, max_new_tokens=learning.new, gamma=0.0,
        advantage=advantage, advantage_scale="none", learning_rate=learning.rate, value_learning_rate=learning.rate,
        warmup_steps=0, beta=learning.beta, beta1=0.9, beta2=0.999, adam_epsilon=1e-8, missing_end_reward=0.0,
    )  # fmt: skip
    every = [prompt_of(policy, n, [{"role": "user", "content": text}]) for n, text in enumerate(learning.prompts(), 1)]
    size, sampling = learning.prompts_an_iteration, Sampling(completions=learning.k, max_new_tokens=learning.new)

    def draw(iteration: int, version: int) -> list[Rollout]:
        own = every[(iteration - 1) * size : iteration * size]
        seed = (learning.seed * learning.iterations + iteration) * BATCH
        return sample(policy, runtime, own, sampling, seed=seed, version=version)

    loop = ppo_iterations(
        networks, ppo_optimizer(networks, arguments), MovingAverage(policy.model, decay=0.0), draw,
        RewardDoor(Rule(), "lower", 0.0), None, arguments, results=[],
    )  # fmt: skip
    seconds, began = 0.0, perf_counter()
    for iteration, _ in enumerate(loop, 1):
        seconds += perf_counter() - began
        if iteration % learning.look == 0:
            policy.model.save_pretrained(output / f"checkpoint-{iteration}")
        began = perf_counter()
    return seconds


def main(given: dict[str, Any]) -> None:
    places = [Path(given.pop(name)) for name in ("base", "reward", "output")]
    advantage = given.pop("advantage")
    print(json.dumps({"seconds": learn(Learning(**given), advantage, *places)}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
