"""What makes a reward model useless: other tokens, an inverted order, one reward for all, no eyes but its own.

What is known of a reward model without running it is in the metrics.json that `rm_trainer` wrote beside it.
"""

import filecmp
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from lm.errors import Failed, Refused
from lm.rendering import Renderer
from lm.snapshot.reading import Snapshot
from lm.snapshot.records.constants import VALID
from rm_trainer.loss import correct_pairs, pair_margins
from rm_trainer.protocol import Item, Rewarder

MEASURED = 64
"""Rankings by which the order of a reward model without validation figures is measured."""
ENOUGH = 50
"""Pairs from which on an order worse than chance is no accident."""


def refuse_other_tokens(directory: Path, renderer: Renderer, policys: Renderer) -> None:
    """Raises Refused for a reward model that reads other tokens, or conversations otherwise, than the policy."""
    for what, own, other in (
        ("tokenizer", _vocabulary(renderer), _vocabulary(policys)),
        ("chat template", renderer.conversations.template.source, policys.conversations.template.source),
    ):
        if own != other:
            raise Refused(
                f"{directory} has another {what} than the policy, so its value function can't read the policy's "
                f"tokens. Train a reward model from the policy's own base or SFT model."
            )


def refuse_inverted(directory: Path) -> None:
    """Raises Refused for a reward model that orders fewer than half of its validation pairs as the labelers did."""
    valid = _told(directory).get("valid")
    if valid:
        _refuse_worse_than_chance(directory, valid["pair_accuracy"], valid["pairs"])


def measured_order(directory: Path, rewarder: Rewarder, snapshot: Snapshot) -> str:
    """How a reward model without validation figures orders the snapshot's validation rankings, in words; "" for one
    that has figures, which `refuse_inverted` reads.

    Raises Refused where that is worse than chance, and Failed where all completions get one reward.
    """
    if _told(directory).get("valid"):
        return ""
    accuracy, pairs = _agreement(rewarder, snapshot)
    if not pairs:
        return (
            f"{directory} has no validation figures and {snapshot.directory} no rankings in its split {VALID}, so "
            "nobody knows whether it orders answers as the labelers did."
        )
    if pairs >= ENOUGH:
        _refuse_worse_than_chance(directory, accuracy, pairs)
    few = "" if pairs >= ENOUGH else ", which are too few to tell whether it is inverted"
    return (
        f"{directory} has no validation figures. It orders {accuracy:.0%} of {pairs} pairs of the split {VALID} as the "
        f"labelers did{few}."
    )


def refuse_constant(rewards: Sequence[Sequence[float]]) -> None:
    """Raises Failed when all answers to all prompts get one and the same reward: there is nothing to learn."""
    flat = [reward for own in rewards for reward in own]
    if len(flat) > 1 and max(flat) - min(flat) < 1e-6:
        raise Failed(
            f"The reward model gives all of {len(flat)} answers the reward {flat[0]:.6f}. It tells nothing apart: "
            "train it on more rankings, or look at its validation accuracy."
        )


def refuse_watching_itself(watched: Path | None, optimised: Sequence[Path]) -> None:
    """Raises Refused where the reward model that is to watch is one of those that are optimised, a copy included."""
    if watched is not None and any(_same_weights(watched, one) for one in optimised):
        raise Refused(
            f"--watched-reward-model {watched} is optimised, too: it would see what it likes. Give one that learned "
            "from other labels, or none."
        )


def in_common(watched: Path, optimised: Path) -> str:
    """What two reward models learned from both, in words, as their metrics.json say; "" where they share nothing."""
    told = _told(watched), _told(optimised)
    own, other = (each.get("snapshot") for each in told)
    if own is None or other is None:
        return (
            f"Whether {watched} learned from other labels than {optimised} isn't known, since they don't both have the "
            "metrics.json of their training. If it did not, it can't see over-optimisation."
        )
    if {each["config"]["half"] for each in told} == {"first", "second"}:
        return ""  # a prompt is in the same half of every snapshot
    if own["sha256"] == other["sha256"]:
        labels = "the same labels"
    elif own["filters"] == other["filters"]:
        labels = "snapshots with the same filters, so the labels of the earlier one are in both"
    else:
        return ""
    return f"{watched} and {optimised} learned from {labels}: what misleads one misleads the other."


def _vocabulary(renderer: Renderer) -> tuple[dict[str, int], str]:
    state = json.loads(renderer.conversations.tokenizer.to_str())
    return renderer.conversations.tokenizer.get_vocab(), json.dumps([state["model"].get("merges"), state["normalizer"]])


def _refuse_worse_than_chance(directory: Path, accuracy: float, pairs: int) -> None:
    if accuracy < 0.5:
        raise Refused(
            f"{directory} orders {accuracy:.0%} of {pairs} validation pairs as the labelers did: worse than chance, so "
            "a policy would be trained against them. Train the reward model again."
        )


def _agreement(rewarder: Rewarder, snapshot: Snapshot) -> tuple[float, int]:
    """The share of usable pairs that are ordered rightly, and how many there are."""
    rankings = list(islice(snapshot.rankings(VALID), MEASURED))
    scored = iter(rewarder.score([Item(one.prompt, text) for one in rankings for text in one.completions]))
    rewards = [[next(scored).reward for _ in one.completions] for one in rankings]
    read = [
        (torch.tensor(own), torch.tensor(one.ranks))
        for one, own in zip(rankings, rewards, strict=True)
        if None not in own  # a completion is too long for it
    ]
    refuse_constant([own.tolist() for own, _ in read])
    margins = [pair_margins(own, ranks) for own, ranks in read]
    pairs = sum(own.numel() for own in margins)
    return sum(float(correct_pairs(own)) for own in margins) / max(1, pairs), pairs


def _told(directory: Path) -> dict[str, Any]:
    path = directory / "metrics.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def _same_weights(one: Path, other: Path) -> bool:
    if not (one.is_dir() and other.is_dir()):
        return False  # which is refused when it is loaded
    files, others = (sorted(path.glob("*.safetensors")) for path in (one, other))
    if not files or [path.name for path in files] != [path.name for path in others]:
        return False
    return all(filecmp.cmp(*both, shallow=False) for both in zip(files, others, strict=True))
