"""The tokenised records of a snapshot's split, left on the disk: each is read when it is asked for."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, Self, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lm.errors import Refused
from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.rendering import Renderer
from lm.snapshot.reading import Kind, Snapshot
from rm_trainer.token_cache import open_tokens
from rm_trainer.token_file import TokenFile, TokenizedRanking
from rm_trainer.usable import Remarks, merged

T = TypeVar("T")


class TokenDataset(Sequence[T], Generic[T]):
    """The records of all files of a split in their order, or some of them; each as `read` makes it of its file and its
    number there. Choosing and slicing read none.
    """

    def __init__(
        self, files: Sequence[TokenFile], read: Callable[[TokenFile, int], T], numbers: NDArray[np.int64] | None = None
    ) -> None:
        self._files = files
        self._read = read
        self._ends = np.cumsum([len(one.rows) for one in files], dtype=np.int64)
        self._numbers = np.arange(sum(len(one.rows) for one in files)) if numbers is None else numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, which: int) -> T: ...
    @overload
    def __getitem__(self, which: slice) -> Self: ...
    def __getitem__(self, which: int | slice) -> T | Self:
        if isinstance(which, slice):
            return self.select(range(len(self))[which])
        number = int(self._numbers[which])  # raises IndexError; a negative one counts from the end
        file = int(np.searchsorted(self._ends, number, side="right"))
        return self._read(self._files[file], number - int(self._ends[file]) + len(self._files[file].rows))

    def select(self, places: ArrayLike) -> Self:
        """Returns the records at these places, in their order."""
        return type(self)(self._files, self._read, self._numbers[np.asarray(places, dtype=np.int64)])

    @property
    def remarks(self) -> Remarks:
        """What of the files is left out, whatever was chosen here."""
        return merged([one.remarks for one in self._files])

    def column(self, name: str) -> NDArray[Any]:
        """Returns one field of token_file.ROW for every record, in memory: [N], of `lengths` [N, K_HIGHEST]."""
        if not self._files:
            return np.empty(0, dtype=np.int64)
        column: NDArray[Any] = np.concatenate([one.rows[name] for one in self._files])[self._numbers]
        return column


def tokenized_rankings(
    snapshot: Snapshot, split: str, renderer: Renderer, cache: Path
) -> TokenDataset[TokenizedRanking]:
    """Those that can be used; `remarks` say what is left out. Raises Refused when a ranking is there twice."""
    rankings = TokenDataset(_files(snapshot, "rankings", split, renderer, cache), TokenFile.ranking)
    ids, times = np.unique(rankings.column("id"), return_counts=True)
    if len(ids) != len(rankings):
        raise Refused(
            f"{snapshot.directory} holds ranking {ids[times > 1][0]} more than once in its split {split}. "
            f"Export the snapshot again."
        )
    return rankings


def tokenized_demonstrations(
    snapshot: Snapshot, split: str, renderer: Renderer, cache: Path
) -> TokenDataset[SharedPrompt]:
    """Each as a prompt with one completion; `remarks` say what is left out."""
    return TokenDataset(_files(snapshot, "demonstrations", split, renderer, cache), TokenFile.prompt)


def with_pairs(rankings: TokenDataset[T]) -> TokenDataset[T]:
    """Returns those that have at least one comparison: that are not one single tie."""
    return rankings.select(np.flatnonzero(rankings.column("pairs")))


def shortened(records: TokenDataset[Any]) -> dict[str, int]:
    """Counts the prompts that lost tokens to the length limit, and the tokens (once per prompt)."""
    dropped = records.column("dropped")
    return {"shortened_prompts": int((dropped > 0).sum()), "dropped_prompt_tokens": int(dropped.sum())}


def _files(snapshot: Snapshot, kind: Kind, split: str, renderer: Renderer, cache: Path) -> list[TokenFile]:
    return [open_tokens(shard, renderer, cache) for shard in snapshot.shards(kind, split)]
