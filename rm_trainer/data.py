"""Everything that a training run reads, checked before the first step."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm.errors import Refused
from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.rendering import Renderer
from lm.snapshot.reading import Snapshot, open_snapshot
from lm.snapshot.records import SPLITS
from rm_trainer.dataset import TokenDataset, shortened, tokenized_demonstrations, tokenized_rankings, with_pairs
from rm_trainer.token_cache import default_cache, forget_unused
from rm_trainer.token_file import TokenizedRanking


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


def render_records(records: Records, renderer: Renderer, cache: Path | None) -> TrainingData:
    """Raises Refused when a record can't be used or doesn't fit the model, or every training ranking is one tie."""
    cache = cache or default_cache()
    forget_unused(cache)
    rankings = {split: tokenized_rankings(records.snapshot, split, renderer, cache) for split in SPLITS}
    usable = {split: with_pairs(one) for split, one in rankings.items()}
    if not usable["train"]:
        raise Refused(
            f"All {len(rankings['train'])} training rankings in {records.snapshot.directory} are ties, so there is no "
            f"pair to learn from. Collect more rankings and export again."
        )
    demonstrations = tokenized_demonstrations(records.shown, "train", renderer, cache)
    return TrainingData(
        train=usable["train"],
        valid=usable["valid"],
        test=usable["test"],
        demonstrations=demonstrations,
        counts={split: _counts(one, rankings["train"]) for split, one in rankings.items()}
        | {"demonstrations": {"demonstrations": len(demonstrations), **shortened(demonstrations)}},
    )


def _counts(rankings: TokenDataset[TokenizedRanking], train: TokenDataset[TokenizedRanking]) -> dict[str, int]:
    """`tokens`: of K full sequences a ranking; `unique_tokens`: with what they begin with once. `also_in_train`: of
    another split the prompts that are trained on as well, so that its figures say less than they seem to.
    """
    usable = with_pairs(rankings)
    completions, prefix = usable.column("completions"), usable.column("prefix")
    prompts = set(usable.column("prompt_id").tolist())
    trained = set() if rankings is train else prompts & set(train.column("prompt_id").tolist())
    own = int(usable.column("lengths").sum())
    return {
        "rankings": len(rankings),
        "tied_rankings": len(rankings) - len(usable),
        "prompts": len(prompts),
        "also_in_train": len(trained),
        "pairs": int(usable.column("pairs").sum()),
        "completions": int(completions.sum()),
        "tokens": int((completions * prefix).sum()) + own,
        "unique_tokens": int(prefix.sum()) + own,
        **shortened(usable),
    }


def _nothing_to_train(snapshot: Snapshot) -> str:
    there: list[Any] = snapshot.splits("rankings")
    if not there:
        return f"{snapshot.directory} holds no rankings. Export it with --format rankings."
    return (
        f"{snapshot.directory} has no rankings in the split train (it has: {', '.join(there)}). "
        f"Rank more prompts, or export without --split."
    )
