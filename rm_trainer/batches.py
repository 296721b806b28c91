"""Rankings as tensors: chosen and shuffled by number, then a few at a time in memory."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lm.rendering import Rendered
from lm.snapshot.records import Ranking
from rm_trainer.objective import pair_strengths
from rm_trainer.sharing.prefix import split

T = TypeVar("T")


@dataclass(frozen=True)
class Group:
    """One ranking with its K completions rendered."""

    ranking: Ranking
    rendered: Rendered

    @property
    def ranks(self) -> Tensor:
        return torch.tensor(self.ranking.ranks)  # [K]

    @property
    def strengths(self) -> Tensor:
        return pair_strengths(self.ranks, self.ranking.strengths)  # [P]


@dataclass(frozen=True)
class Batch:
    """S sequences, right-padded to the longest one's T tokens."""

    input_ids: Tensor  # [S, T] int64
    attention_mask: Tensor  # [S, T] int64: 1 for a token, 0 for padding
    last: Tensor  # [S] int64: where each sequence's last token is, and its score is read


class Chosen(Sequence[T]):
    """Some items of a sequence by their numbers; each is fetched when it's asked for, a slice fetches none."""

    def __init__(self, items: Sequence[T], numbers: Sequence[int]) -> None:
        self._items = items
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, which: int) -> T: ...
    @overload
    def __getitem__(self, which: slice) -> Sequence[T]: ...
    def __getitem__(self, which: int | slice) -> T | Sequence[T]:
        if isinstance(which, slice):
            return Chosen(self._items, self._numbers[which])
        return self._items[self._numbers[which]]


def collate(rendered: Sequence[Rendered], device: torch.device) -> Batch:
    """All sequences of some prompts, in order. Padding is on the right; mask and `last` make its value meaningless."""
    sequences = [sequence.long() for one in rendered for sequence in one.sequences]
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    input_ids = pad_sequence(sequences, batch_first=True)
    mask = (torch.arange(input_ids.shape[1])[None, :] < lengths[:, None]).long()
    return Batch(input_ids=input_ids.to(device), attention_mask=mask.to(device), last=(lengths - 1).to(device))


def parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive parts of `size` items; the last one may be smaller."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def unique_tokens(rendered: Rendered) -> int:
    """How many tokens pass through the network when those that the K sequences begin with do so once."""
    return split(rendered).tokens


def shuffled_batches(
    groups: Sequence[T], *, prompts: Sequence[int] | NDArray[np.int64], size: int, epochs: int, seed: int
) -> Iterator[Sequence[T]]:
    """Every group once per epoch, in an order that only seed and epoch decide; an epoch's last batch may be smaller.

    `prompts` are the groups' prompt ids: those of one prompt follow one another, so that a step sees all that labelers
    said of it, unless its batch is full. Spread over an epoch the same texts would be learned from again and again.
    """
    for epoch in range(epochs):
        numbers = np.arange(len(groups))
        Random(f"{seed}/{epoch}").shuffle(numbers)  # type: ignore[arg-type]  # an array is shuffled as a list is
        yield from parts(Chosen(groups, _side_by_side(numbers, np.asarray(prompts))), size)


def _side_by_side(numbers: NDArray[np.int64], prompts: NDArray[np.int64]) -> Sequence[int]:
    """The numbers in their order, each followed by the others of its prompt."""
    _, prompt = np.unique(prompts[numbers], return_inverse=True)
    first = np.full(len(numbers), len(numbers))
    np.minimum.at(first, prompt, np.arange(len(numbers)))
    return array("q", numbers[np.argsort(first[prompt], kind="stable")].tobytes())
