"""Policies from as many episodes, ours and TRL's: what reward they reach, and at what distance from where they began.

    python -m benchmarks.policy_quality [--quick]

For each of five seeds 1,536 episodes are learned from by policy_trainer's loop, with the others of a prompt as baseline
(`leave-one-out`) and with a value function (`gae`), and by TRL's RLOOTrainer, from one small Gemma of random weights,
by one rule of reward, one β, one constant rate, the same prompts, batch and answers a prompt. Every third iteration's
policy is measured by the same hand: 256 answers to held-out prompts, their mean reward, and their mean KL to the
beginning. "At equal KL" is the reward's mean over the stretch of KL that both reached, straight lines between the
measured points; the intervals are Student's over seeds. Best of n, which trains nothing, has its own row.
"""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from scipy import stats

from benchmarks.harness import command
from benchmarks.harness.measure import Measure
from benchmarks.policy.quality import BATCH, SHAPE, Learning, reward_of
from benchmarks.policy.shape import write_models
from benchmarks.train_step import trl_version
from benchmarks.training.side import PEERS_PYTHON, ask
from lm.prefix_sharing.strategy import choose_strategy
from lm.training.runtime import Runtime
from policy_trainer.log_probs import completion_log_probs
from policy_trainer.maths.best_of_n import expected_best, kl_bound
from policy_trainer.model import Policy, load_policy
from policy_trainer.rollout import Rollout, Sampling, prompt_of, sample

SEEDS, ITERATIONS, LOOK = 5, 24, 3
HELD_OUT = 32
BEST_OF = 16
CPU = Runtime(device=torch.device("cpu"), dtype=torch.float32)

Curve = list[tuple[float, float]]
"""KL in nats and reward of a policy, one measured point after the other, the beginning first."""


def main(quick: bool) -> list[Measure]:  # noqa: FBT001  every benchmark's signature
    """About five minutes; --quick has two seeds of four iterations."""
    seeds, iterations, look = (2, 4, 2) if quick else (SEEDS, ITERATIONS, LOOK)
    curves: dict[str, list[Curve]] = {"leave-one-out": [], "gae": [], "TRL": []}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        base, reward = write_models(directory, SHAPE)
        began = load_policy(str(base), max_length=256)
        for seed in range(seeds):
            learning = Learning(seed=seed, iterations=iterations, look=look)
            for side, of_side in curves.items():
                output = directory / f"{side}-{seed}"
                _learn(side, learning, base, reward, output)
                of_side.append(curve_of(learning, began, base, output))
        best = _best_of_n(learning, began)
    return [*_compared(curves, BATCH * iterations), *best]


def _learn(side: str, learning: Learning, base: Path, reward: Path, output: Path) -> None:
    given = asdict(learning) | {"base": str(base), "output": str(output)}
    if side == "TRL":
        said = ask("benchmarks.policy.trl_learning", given, python=PEERS_PYTHON)
    else:
        said = ask("benchmarks.policy.our_learning", given | {"reward": str(reward), "advantage": side})
    print(f"{output.name}: learned in {said['seconds']:.0f} s", flush=True)


def curve_of(learning: Learning, began: Policy, base: Path, output: Path) -> Curve:
    written = sorted(output.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    found = [_measured(learning, began, began)]
    for path in written:
        for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):  # the beginning's, of each side
            (path / name).write_bytes((base / name).read_bytes())
        found.append(_measured(learning, load_policy(str(path), max_length=256), began))
    print(f"{output.name}: " + ", ".join(f"{reward:.3f} at {kl:.2f}" for kl, reward in found), flush=True)
    return found


def _measured(learning: Learning, policy: Policy, began: Policy) -> tuple[float, float]:
    rollouts = _answers(learning, policy, k=learning.k)
    rewards = [reward_of(text) for one in rollouts for text in one.texts]
    own, beginning = (_log_probs(one, rollouts) for one in (policy, began))
    return (own - beginning).sum().item() / len(rewards), fmean(rewards)


@torch.no_grad()
def _log_probs(policy: Policy, rollouts: Sequence[Rollout]) -> torch.Tensor:
    reading = choose_strategy(policy.model, CPU.device)
    return completion_log_probs(policy.model, reading, [one.tokens for one in rollouts])


def _answers(learning: Learning, policy: Policy, *, k: int) -> list[Rollout]:
    prompts = [
        prompt_of(policy, n, [{"role": "user", "content": text}])
        for n, text in enumerate(learning.held_out(HELD_OUT), 1)
    ]
    return sample(policy, CPU, prompts, Sampling(completions=k, max_new_tokens=learning.new), seed=77, version=0)


def _best_of_n(learning: Learning, began: Policy) -> list[Measure]:
    rollouts = _answers(learning, began, k=4 * BEST_OF)
    rewards = [[reward_of(text) for text in one.texts] for one in rollouts]
    return [
        Measure(
            name=f"best of {n}, at most {kl_bound(n):.2f} nats", unit="reward", better="more",
            value=fmean(expected_best(own, n) for own in rewards),
        )
        for n in (4, BEST_OF)
    ]  # fmt: skip


def _compared(curves: dict[str, list[Curve]], episodes: int) -> list[Measure]:
    peer = f"TRL {trl_version()}, RLOOTrainer"
    found = []
    for ours in ("leave-one-out", "gae"):
        for what, place, better in (("reward", 1, "more"), ("KL", 0, "less")):
            value, peer_value = (fmean(curve[-1][place] for curve in curves[side]) for side in (ours, "TRL"))
            found.append(
                Measure(
                    name=f"{ours}: {what} after {episodes:,} episodes", value=value, better=better,  # type: ignore[arg-type]
                    unit="nats" if what == "KL" else "reward", peer=peer, peer_value=peer_value,
                )
            )  # fmt: skip
        differences = [at_equal_kl(one, other) for one, other in zip(curves[ours], curves["TRL"], strict=True)]
        lower, upper = interval(differences)
        for name, number in (
            (f"{ours}: reward at equal KL, less TRL's", fmean(differences)),
            (f"{ours}: lower end of its 95% interval over {len(differences)} seeds", lower),
            (f"{ours}: upper end of its 95% interval over {len(differences)} seeds", upper),
        ):
            found.append(Measure(name=name, value=number, unit="reward", better="more"))
    return found


def at_equal_kl(one: Curve, other: Curve) -> float:
    """The mean difference of reward, one less other, from the beginning to the smaller of the largest KL of both.

    >>> at_equal_kl([(0.0, 0.5), (2.0, 0.9)], [(0.0, 0.5), (4.0, 0.9)])
    0.1
    """
    furthest = min(max(kl for kl, _ in curve) for curve in (one, other))
    where = np.linspace(0.0, furthest, 101)
    first, second = (np.interp(where, *np.array(sorted(curve)).T) for curve in (one, other))
    return round(float(np.mean(first - second)), 6)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Student's, of the mean, 95%."""
    spread = float(stats.t.ppf(0.975, len(values) - 1)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return fmean(values) - spread, fmean(values) + spread


if __name__ == "__main__":
    command.run(main)
