"""The records of a snapshot's split, left on the disk: each is read when it is asked for, and kept by whoever asked."""

from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from lm.errors import Refused
from lm.rendering import Rendered, Renderer
from lm.snapshot.reading import Kind, Snapshot
from rm_trainer.batches import Chosen, Group
from rm_trainer.token_cache import open_tokens
from rm_trainer.tokens import Tokens

T = TypeVar("T")


class Stored(Sequence[T], Generic[T]):
    """The records of all files of a split, in their order, each as `read` makes it of its file and number there."""

    def __init__(self, files: Sequence[Tokens], read: Callable[[Tokens, int], T]) -> None:
        self._files = files
        self._read = read
        self._ends = np.cumsum([len(one.rows) for one in files], dtype=np.int64)

    def __len__(self) -> int:
        return sum(len(one.rows) for one in self._files)

    @overload
    def __getitem__(self, which: int) -> T: ...
    @overload
    def __getitem__(self, which: slice) -> Sequence[T]: ...
    def __getitem__(self, which: int | slice) -> T | Sequence[T]:
        if isinstance(which, slice):
            return Chosen(self, range(len(self))[which])
        number = range(len(self))[which]  # raises IndexError; a negative one counts from the end
        file = int(np.searchsorted(self._ends, number, side="right"))
        return self._read(self._files[file], number - int(self._ends[file]) + len(self._files[file].rows))

    def column(self, name: str) -> NDArray[Any]:
        """One field of tokens.ROW for every record, in memory: [N], of `branches` [N, K_HIGHEST]."""
        return np.concatenate([one.rows[name] for one in self._files]) if self._files else np.empty(0, dtype=np.int64)


def stored_rankings(snapshot: Snapshot, split: str, renderer: Renderer, cache: Path) -> Stored[Group]:
    """Raises Refused when a ranking doesn't fit the limit or the chat template, or is there twice."""
    rankings = Stored(_files(snapshot, "rankings", split, renderer, cache), Tokens.group)
    ids, times = np.unique(rankings.column("id"), return_counts=True)
    if len(ids) != len(rankings):
        raise Refused(
            f"{snapshot.directory} holds ranking {ids[times > 1][0]} more than once in its split {split}. "
            f"Export the snapshot again."
        )
    return rankings


def stored_demonstrations(snapshot: Snapshot, split: str, renderer: Renderer, cache: Path) -> Stored[Rendered]:
    """Each as a prompt with one completion. Raises Refused when one doesn't fit."""
    return Stored(_files(snapshot, "demonstrations", split, renderer, cache), Tokens.rendered)


def with_pairs(rankings: Stored[Group]) -> Sequence[Group]:
    """Those from which something can be learned: that are not one single tie."""
    return Chosen(rankings, array("q", np.flatnonzero(rankings.column("pairs")).tobytes()))


def shortened(stored: Stored[Any], *, only_with_pairs: bool = False) -> dict[str, int]:
    """How many prompts lost tokens to the length limit, and how many tokens (counted once per prompt)."""
    dropped = stored.column("dropped")
    if only_with_pairs:
        dropped = dropped[stored.column("pairs") > 0]
    return {"shortened_prompts": int((dropped > 0).sum()), "dropped_prompt_tokens": int(dropped.sum())}


def _files(snapshot: Snapshot, kind: Kind, split: str, renderer: Renderer, cache: Path) -> list[Tokens]:
    return [open_tokens(shard, renderer, cache) for shard in snapshot.shards(kind, split)]
