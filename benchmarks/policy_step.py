"""SFT, an iteration of PPO, and DPO from rankings, against TRL's trainers on the same.

    python -m benchmarks.policy_step [--quick] [--only TEXT]

Every side is a process of its own with the same random weights, texts, precision and frozen embeddings; TRL runs in the
peers' virtual environment. Figures are processor seconds of all threads, which a busy machine changes least.

* SFT: an epoch of demonstrations of mixed lengths, 8 a step, a token that is there; against SFTTrainer at its defaults
  (padding, activations recomputed), and packed with activations kept.
* PPO: an iteration, answers, rewards and one update. TRL has no PPO since 1.13, so the peer is RLOO: no value function.
* DPO: a ranking of K = 9, what the reference says of it included; against all 36 pairs, the reference in the step.

The model's shape is that of Gemma 3 270M with frozen embeddings; with --quick it is a thousand times smaller.
"""

from dataclasses import asdict
from typing import Any

from benchmarks.harness import command
from benchmarks.harness.measure import Measure
from benchmarks.policy.shape import Work
from benchmarks.train_step import trl_version
from benchmarks.training.side import GIBIBYTE, PEERS_PYTHON, ask

OURS, THEIRS = "benchmarks.policy.our_side", "benchmarks.policy.trl_side"


def work(*, quick: bool) -> list[tuple[str, Work]]:
    if quick:
        small: dict[str, Any] = {"small": True, "dtype": "float32", "prompt": 48, "new": 8}
        return [
            ("SFT", Work("sft", small=True, dtype="float32", demonstrations=16)),
            ("PPO iteration, 4 prompts × K=4", Work("ppo", **small)),
            ("DPO, K=9", Work("dpo", k=9, **small)),
        ]
    return [
        ("SFT", Work("sft", small=False)),
        ("PPO iteration, 4 prompts × K=4, 256/32", Work("ppo", small=False)),
        ("PPO iteration, 16 prompts × K=8, 256/32", Work("ppo", small=False, prompts=16, k=8)),
        ("DPO, K=9, 128/64", Work("dpo", small=False, k=9, prompt=128, new=64)),
    ]


def main(quick: bool, only: str = "") -> list[Measure]:  # noqa: FBT001  every benchmark's signature
    """Measures what has `only` in its name."""
    return [each for name, one in work(quick=quick) if only in name for each in _measured(name, one)]


def _measured(name: str, one: Work) -> list[Measure]:
    ours = ask(OURS, asdict(one))
    ways = ("defaults", "packed") if one.kind == "sft" else ("",)
    found = []
    for way in ways:
        theirs = ask(THEIRS, asdict(one) | {"way": way}, python=PEERS_PYTHON)
        found += _compared(name, one, ours, theirs, way)
    return found


def _compared(name: str, one: Work, ours: dict[str, float], theirs: dict[str, float], way: str) -> list[Measure]:
    """Raises RuntimeError when they did different work."""
    if "loss" in ours and not way == "packed" and abs(ours["loss"] - theirs["loss"]) > 0.05 * abs(theirs["loss"]):
        raise RuntimeError(f"The losses differ, {ours} and {theirs}: the figures would compare different work.")
    trainer = {"sft": "SFTTrainer", "ppo": "RLOOTrainer", "dpo": "DPOTrainer"}[one.kind]
    peer = f"TRL {trl_version()}, {trainer}{f', {way}' if way else ''}"
    per = 1000 / ours["tokens"] if one.kind == "sft" else 1.0
    unit = "processor ms a token" if one.kind == "sft" else "processor s"
    found = [
        Measure(
            name=f"{name} against {peer}", value=ours["seconds"] * per, unit=unit, better="less", peer=peer,
            peer_value=theirs["seconds"] * per,
        ),
        Measure(
            name=f"{name}, peak memory against {peer}", value=ours["peak"] / GIBIBYTE, unit="GiB", better="less",
            peer=peer, peer_value=theirs["peak"] / GIBIBYTE,
        ),
    ]  # fmt: skip
    if one.kind == "ppo":
        for part, value, other in (
            ("rollout and scoring", ours["rollout"] + ours["scoring"], theirs["rollout_and_scoring"]),
            ("update", ours["update"], theirs["update"]),
        ):
            found.append(
                Measure(name=f"{name}, {part}", value=value, unit=unit, better="less", peer=peer, peer_value=other)
            )
        found.append(Measure(name=f"{name}, rollout alone", value=ours["rollout"], unit=unit, better="less"))
    return found


if __name__ == "__main__":
    command.run(main)
