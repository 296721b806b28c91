"""Everything that a training run reads, checked before the first step."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rm_trainer.batches import Group, ranking_groups, render_demonstrations, with_pairs
from rm_trainer.errors import Refused
from rm_trainer.loss import usable_pairs
from rm_trainer.records import Demonstration, Ranking
from rm_trainer.render import Rendered, Renderer
from rm_trainer.snapshot import Snapshot, open_snapshot

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Records:
    """What the snapshots say, before any tokenizer. `rankings` maps each of the three splits to its rankings."""

    snapshot: Snapshot
    rankings: dict[str, list[Ranking]]
    demonstrations: list[Demonstration]
    demonstrations_sha256: str | None


@dataclass(frozen=True)
class TrainingData:
    """Rendered rankings that have at least one usable pair, by split, and rendered demonstrations."""

    train: list[Group]
    valid: list[Group]
    test: list[Group]
    demonstrations: list[Rendered]
    counts: dict[str, dict[str, int]]


def read_records(data: Path, demonstrations: Path | None) -> Records:
    """Verifies and reads the snapshots. Raises Refused for what can't be trained from."""
    snapshot = open_snapshot(data)
    rankings = {split: snapshot.rankings(split) for split in SPLITS}
    if not rankings["train"]:
        raise Refused(_nothing_to_train(snapshot))
    shown = snapshot if demonstrations is None else open_snapshot(demonstrations)
    ideal = shown.demonstrations("train")
    if demonstrations is not None and not ideal:
        raise Refused(
            f"{demonstrations} has no demonstrations in its train split. Export some, or leave --demonstrations out."
        )
    return Records(
        snapshot=snapshot,
        rankings=rankings,
        demonstrations=ideal,
        demonstrations_sha256=shown.sha256 if ideal else None,
    )


def render_records(records: Records, renderer: Renderer) -> TrainingData:
    """Raises Refused when a record doesn't fit the model, or when every training ranking is one single tie."""
    groups = {split: ranking_groups(rankings, renderer) for split, rankings in records.rankings.items()}
    usable = {split: with_pairs(one) for split, one in groups.items()}
    if not usable["train"]:
        raise Refused(
            f"All {len(groups['train'])} training rankings in {records.snapshot.directory} are ties, so there is no "
            f"pair to learn from. Collect more rankings and export again."
        )
    demonstrations = render_demonstrations(records.demonstrations, renderer)
    return TrainingData(
        train=usable["train"],
        valid=usable["valid"],
        test=usable["test"],
        demonstrations=demonstrations,
        counts={split: _counts(groups[split], usable[split]) for split in SPLITS}
        | {"demonstrations": _demonstration_counts(demonstrations)},
    )


def pairs_in(groups: list[Group]) -> int:
    return sum(int(usable_pairs(group.ranks).sum()) for group in groups)


def tokens_in(groups: list[Group]) -> int:
    return sum(len(sequence) for group in groups for sequence in group.rendered.sequences)


def _counts(groups: list[Group], usable: list[Group]) -> dict[str, int]:
    return {
        "rankings": len(groups),
        "tied_rankings": len(groups) - len(usable),
        "prompts": len({group.ranking.prompt_id for group in usable}),
        "pairs": pairs_in(usable),
        "completions": sum(len(group.ranking.completions) for group in usable),
        "tokens": tokens_in(usable),
        **_dropped([group.rendered for group in usable]),
    }


def _demonstration_counts(demonstrations: list[Rendered]) -> dict[str, int]:
    return {"demonstrations": len(demonstrations), **_dropped(demonstrations)}


def _dropped(rendered: list[Rendered]) -> dict[str, int]:
    """How many prompts lost tokens to the length limit, and how many tokens (counted once per prompt)."""
    return {
        "shortened_prompts": sum(one.dropped > 0 for one in rendered),
        "dropped_prompt_tokens": sum(one.dropped for one in rendered),
    }


def _nothing_to_train(snapshot: Snapshot) -> str:
    there: list[Any] = snapshot.splits("rankings")
    if not there:
        return f"{snapshot.directory} holds no rankings. Export it with --format rankings."
    return (
        f"{snapshot.directory} has no rankings in the split train (it has: {', '.join(there)}). "
        f"Rank more prompts, or export without --split."
    )
