"""Everything that a training run reads, checked before the first step."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lm.errors import Refused
from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.rendering import Renderer
from lm.snapshot.reading import Snapshot, open_snapshot
from lm.snapshot.records.constants import SPLITS
from rm_trainer.arguments import Half
from rm_trainer.dataset import TokenDataset, shortened, tokenized_demonstrations, tokenized_rankings, with_pairs
from rm_trainer.token_cache import default_cache, forget_unused
from rm_trainer.token_file import TokenizedRanking
from rm_trainer.usable import Remarks, counts_of, in_words, lost_records

DEMONSTRATIONS = "demonstrations"
"""Their name beside the splits, in counts and remarks."""


@dataclass(frozen=True)
class Records:
    """The verified snapshots, before any tokenizer; `shown` is the one with the demonstrations."""

    snapshot: Snapshot
    shown: Snapshot
    demonstrations_sha256: str | None


@dataclass(frozen=True)
class TrainingData:
    """Rankings with at least one usable pair, by split, and demonstrations; an item is read when it's asked for."""

    train: TokenDataset[TokenizedRanking]
    valid: TokenDataset[TokenizedRanking]
    test: TokenDataset[TokenizedRanking]
    demonstrations: TokenDataset[SharedPrompt]
    counts: dict[str, dict[str, int]]
    remarks: dict[str, Remarks]
    """By split, and of the demonstrations: what is left out and what the model doesn't read."""


def read_records(data: Path, demonstrations: Path | None) -> Records:
    """Verifies the snapshots. Raises Refused for what can't be trained from."""
    snapshot = open_snapshot(data)
    if not snapshot.records("rankings", "train"):
        raise Refused(_nothing_to_train(snapshot))
    shown = snapshot if demonstrations is None else open_snapshot(demonstrations)
    count = shown.records("demonstrations", "train")
    if demonstrations is not None and not count:
        raise Refused(
            f"{demonstrations} has no demonstrations in its train split. Export some, or leave --demonstrations out."
        )
    return Records(snapshot=snapshot, shown=shown, demonstrations_sha256=shown.sha256 if count else None)


def render_records(records: Records, renderer: Renderer, cache: Path | None, *, half: Half = "all") -> TrainingData:
    """`half`: of the split train; valid, test and the demonstrations are those of both halves.

    Raises Refused when a record breaks the data contract, or no training ranking leaves a pair to learn from.
    """
    cache = cache or default_cache()
    forget_unused(cache)
    rankings = {split: tokenized_rankings(records.snapshot, split, renderer, cache) for split in SPLITS}
    whole = rankings["train"]
    if not with_pairs(whole):
        raise Refused(_nothing_to_learn(records.snapshot, whole))
    rankings["train"] = in_half(whole, half)
    usable = {split: with_pairs(one) for split, one in rankings.items()}
    if not usable["train"]:
        raise Refused(
            f"No ranking to learn from in {records.snapshot.directory} is of the {half} half: its prompts are too few "
            "to be parted. Rank more prompts, or give --half all."
        )
    demonstrations = tokenized_demonstrations(records.shown, "train", renderer, cache)
    counts = {split: _counts(one, rankings["train"]) for split, one in rankings.items()}
    counts["train"]["other_half"] = len(whole) - len(rankings["train"])
    return TrainingData(
        train=usable["train"],
        valid=usable["valid"],
        test=usable["test"],
        demonstrations=demonstrations,
        counts=counts
        | {
            DEMONSTRATIONS: {
                "demonstrations": len(demonstrations),
                **shortened(demonstrations),
                **counts_of(demonstrations.remarks),
            }
        },
        remarks={split: one.remarks for split, one in rankings.items()} | {DEMONSTRATIONS: demonstrations.remarks},
    )


def in_half(rankings: TokenDataset[TokenizedRanking], half: Half) -> TokenDataset[TokenizedRanking]:
    """Returns the rankings of the half (lm.snapshot.openings.HALVES). What begins alike is in one half, which hangs on
    a hash of the beginning alone: a prompt is in the same half of every snapshot, however it grows.
    """
    if half == "all":
        return rankings
    return rankings.select(np.flatnonzero(rankings.column("opening") % 2 == (half == "second")))


def _counts(rankings: TokenDataset[TokenizedRanking], train: TokenDataset[TokenizedRanking]) -> dict[str, int]:
    """`rankings`: all of the split. `tokens`: of K full sequences a ranking; `unique_tokens`: with what they begin with
    once. `also_in_train`: of another split the prompts that begin like one that is trained on, whatever their ids, so
    that its figures say less than they seem to. The others as usable.COUNTED has them; what can't be used is counted
    for the whole split, of whichever half it is.
    """
    usable = with_pairs(rankings)
    completions, prefix = usable.column("completions"), usable.column("prefix")
    prompts = usable.column("prompt_id")
    known = np.zeros(len(usable), dtype=bool)
    if rankings is not train:
        known = np.isin(usable.column("opening"), with_pairs(train).column("opening"))
    own = int(usable.column("lengths").sum())
    return {
        "rankings": len(rankings) + lost_records(rankings.remarks),
        "tied_rankings": len(rankings) - len(usable),
        "prompts": len(np.unique(prompts)),
        "also_in_train": len(np.unique(prompts[known])),
        "pairs": int(usable.column("pairs").sum()),
        "completions": int(completions.sum()),
        "tokens": int((completions * prefix).sum()) + own,
        "unique_tokens": int(prefix.sum()) + own,
        **shortened(usable),
        **counts_of(rankings.remarks),
    }


def _nothing_to_learn(snapshot: Snapshot, train: TokenDataset[TokenizedRanking]) -> str:
    remarks = in_words(train.remarks)
    if not remarks:
        return (
            f"All {len(train)} training rankings in {snapshot.directory} are ties, so there is no "
            f"pair to learn from. Collect more rankings and export again."
        )
    return (
        f"Of {len(train) + lost_records(train.remarks)} training rankings in {snapshot.directory} none leaves a pair "
        f"to learn from; {len(train)} are ties. {' '.join(remarks)} Another base or --max-length may read them."
    )


def _nothing_to_train(snapshot: Snapshot) -> str:
    there: list[Any] = snapshot.splits("rankings")
    if not there:
        return f"{snapshot.directory} holds no rankings. Export it with --format rankings."
    return (
        f"{snapshot.directory} has no rankings in the split train (it has: {', '.join(there)}). "
        f"Rank more prompts, or export without --split."
    )
