"""SFT, an iteration of PPO, and DPO from rankings, against TRL's trainers on the same; what sharing prompts is worth.

    python -m benchmarks.policy_step [--quick] [--only TEXT]

Every side is a process of its own with the same random weights, texts, precision and frozen embeddings; TRL runs in the
peers' virtual environments. Figures are processor seconds of all threads, which a busy machine changes least. A peer
that is not installed is said in a line, and left out.

* SFT: an epoch of demonstrations of mixed lengths, 8 a step, a token that is there; against SFTTrainer at its defaults
  (padding, activations recomputed), and packed with activations kept.
* PPO: an iteration, answers, rewards and one update. TRL has no PPO since 1.13, so the peers are 1.12's PPOTrainer and
  RLOOTrainer of today, which has no value function; it is compared with ours without one, too.
* Pretraining mix: its gradient as an update of PPO adds it, against transformers' model reading the same rows packed,
  its head, the cross entropy and their gradient, with nothing around them.
* Shared prompts: the same update of the same answers by the same trainer, with each answer a prompt of its own.
* DPO: a ranking of K = 9, what the reference says of it included; against all 36 pairs, the reference in the step.

The model's shape is that of Gemma 3 270M with frozen embeddings; with --quick it is a thousand times smaller.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.harness import command
from benchmarks.harness.measure import Measure
from benchmarks.policy.shape import Work
from benchmarks.train_step import trl_version
from benchmarks.training.side import GIBIBYTE, PEERS_PYTHON, PPO_PEERS_PYTHON, PeerMissing, ask

OURS, BARE = "benchmarks.policy.our_side", "benchmarks.policy.bare_side"
ALIKE = 0.05
"""Relative difference of losses from which sides did different work. Random weights' differ by bfloat16's rounding."""


@dataclass(frozen=True)
class Peer:
    """A trainer of TRL. `way`: of SFT, as its side is asked. `parts`: of an iteration, as ours are to be added up.
    `like`: how ours gets advantages where it does what the peer does; the peer is compared with that, too."""

    trainer: str
    way: str = ""
    module: str = "benchmarks.policy.trl_side"
    python: Path = PEERS_PYTHON
    parts: tuple[str, ...] = ()
    like: str = ""

    @property
    def name(self) -> str:
        return f"TRL {trl_version(self.python)}, {self.trainer}{f', {self.way}' if self.way else ''}"


PEERS = {
    "sft": (Peer("SFTTrainer", "defaults"), Peer("SFTTrainer", "packed")),
    "ppo": (
        Peer("RLOOTrainer", parts=("rollout and scoring", "update"), like="leave-one-out"),
        Peer(
            "PPOTrainer", module="benchmarks.policy.trl_ppo_side", python=PPO_PEERS_PYTHON,
            parts=("rollout", "scoring", "update"),
        ),
    ),
    "dpo": (Peer("DPOTrainer"),),
}  # fmt: skip


def work(*, quick: bool) -> list[tuple[str, Work]]:
    if quick:
        small: dict[str, Any] = {"small": True, "dtype": "float32", "prompt": 48, "new": 8}
        return [
            ("SFT", Work("sft", small=True, dtype="float32", demonstrations=16)),
            ("PPO iteration, 4 prompts × K=4", Work("ppo", **small)),
            ("Pretraining mix, 8 rows", Work("text", prompts=8, **small)),
            ("Shared prompts, 4 × K=4", Work("update", **small)),
            ("DPO, K=9", Work("dpo", k=9, **small)),
        ]
    return [
        ("SFT", Work("sft", small=False)),
        ("PPO iteration, 4 prompts × K=4, 256/32", Work("ppo", small=False)),
        ("PPO iteration, 4 prompts × K=8, 512/32", Work("ppo", small=False, k=8, prompt=512)),
        ("PPO iteration, 16 prompts × K=8, 256/32", Work("ppo", small=False, prompts=16, k=8)),
        ("Pretraining mix, 16 rows of 128 tokens", Work("text", small=False, prompts=16, prompt=128)),
        ("Pretraining mix, 4 rows of 512 tokens", Work("text", small=False, prompts=4, prompt=512)),
        ("Shared prompts, 4 × K=4, 256/32", Work("update", small=False)),
        ("Shared prompts, 4 × K=4, 64/32", Work("update", small=False, prompt=64)),
        ("DPO, K=9, 128/64", Work("dpo", small=False, k=9, prompt=128, new=64)),
    ]


def main(quick: bool, only: str = "") -> list[Measure]:  # noqa: FBT001  every benchmark's signature
    """Measures what has `only` in its name, such as `16 prompts × K=8, 256/32 against TRL 1.12.0, PPOTrainer`."""
    found = []
    for name, one in work(quick=quick):
        peers = [peer for peer in PEERS.get(one.kind, ()) if only in f"{name} against {peer.name}"]
        if one.kind in {"update", "text"} and only in name:
            found += _shared(name, one) if one.kind == "update" else _mixed_in(name, one)
        elif peers:
            found += _measured(name, one, peers)
    return found


def _measured(name: str, one: Work, peers: Sequence[Peer]) -> list[Measure]:
    ours = ask(OURS, asdict(one))
    found = []
    for peer in peers:
        given = asdict(one) | ({"way": peer.way} if peer.way else {})
        try:
            theirs = ask(peer.module, given, python=peer.python)
        except PeerMissing as reason:
            print(f"{name}, {peer.trainer} left out: {reason}", flush=True)
            continue
        found += _compared(name, one, ours, theirs, peer)
        if peer.like:
            alike = ask(OURS, asdict(replace(one, advantage=peer.like)))
            found += _compared(f"{name}, {peer.like}", one, alike, theirs, peer)
    return found


def _shared(name: str, one: Work) -> list[Measure]:
    """An update that reads each prompt once, against one that reads it with every answer. Raises RuntimeError."""
    ours, full = ask(OURS, asdict(one)), ask(OURS, asdict(replace(one, shared=False)))
    refuse_other_work(ours, full, "loss", "norm")
    return [
        Measure(
            name=f"{name}, {what}", value=ours[part], unit="processor s", better="less", peer="full sequences",
            peer_value=full[part],
        )
        for what, part in (("update", "update"), ("log-probabilities, reference and values before it", "scoring"))
    ]  # fmt: skip


def _mixed_in(name: str, one: Work) -> list[Measure]:
    """A gradient of pretraining text, against a packed step with nothing around it. Raises RuntimeError."""
    ours, bare = ask(OURS, asdict(one)), ask(BARE, asdict(one))
    refuse_other_work(ours, bare, "loss", "norm")
    per = 1000 / (one.prompts * one.prompt)
    return [
        Measure(
            name=name, value=ours["seconds"] * per, unit="processor ms a token", better="less",
            peer=f"a bare packed step, transformers {version('transformers')}", peer_value=bare["seconds"] * per,
        )
    ]  # fmt: skip


def refuse_other_work(ours: dict[str, float], theirs: dict[str, float], *figures: str) -> None:
    """Raises RuntimeError when one of the figures of two sides is not the same but for rounding."""
    for figure in figures:
        if not abs(ours[figure] - theirs[figure]) <= ALIKE * abs(theirs[figure]):
            raise RuntimeError(f"The sides' {figure} differs, {ours} and {theirs}: they would compare different work.")


def _compared(name: str, one: Work, ours: dict[str, float], theirs: dict[str, float], peer: Peer) -> list[Measure]:
    """Raises RuntimeError when they did different work."""
    if one.kind in {"sft", "dpo"} and peer.way != "packed":
        refuse_other_work(ours, theirs, "loss")
    per = 1000 / ours["tokens"] if one.kind == "sft" else 1.0
    unit = "processor ms a token" if one.kind == "sft" else "processor s"
    whole = [("", unit, ours["seconds"] * per, theirs["seconds"] * per)]
    peak = [(", peak memory", "GiB", ours["peak"] / GIBIBYTE, theirs["peak"] / GIBIBYTE)]
    parts = [
        (f", {part}", unit, sum(ours[each] for each in part.split(" and ")), theirs[part.replace(" ", "_")])
        for part in peer.parts
    ]
    return [
        Measure(
            name=f"{name}{part} against {peer.name}", value=value, unit=unit, better="less", peer=peer.name,
            peer_value=other,
        )
        for part, unit, value, other in whole + peak + parts
    ]  # fmt: skip


if __name__ == "__main__":
    command.run(main)
