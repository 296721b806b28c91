"""Which items make a batch, by their numbers."""

from array import array
from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


def parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive parts of `size` items; the last one may be smaller."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def shuffled_batches(
    prompts: Sequence[int] | NDArray[np.int64], *, size: int, epochs: int, seed: int
) -> Iterator[Sequence[int]]:
    """Yields every item's number once per epoch, in an order that only seed and epoch decide; an epoch's last batch
    may be smaller.

    `prompts` are the items' prompt ids: those of one prompt follow one another, so that a step sees all that
    labelers said of it, unless its batch is full. Spread over an epoch the same texts would be trained on again and
    again.
    """
    for epoch in range(epochs):
        numbers = np.arange(len(prompts))
        Random(f"{seed}/{epoch}").shuffle(numbers)  # type: ignore[arg-type]  # an array is shuffled as a list is
        yield from parts(_side_by_side(numbers, np.asarray(prompts)), size)


def _side_by_side(numbers: NDArray[np.int64], prompts: NDArray[np.int64]) -> Sequence[int]:
    """The numbers in their order, each followed by the others of its prompt."""
    _, prompt = np.unique(prompts[numbers], return_inverse=True)
    first = np.full(len(numbers), len(numbers))
    np.minimum.at(first, prompt, np.arange(len(numbers)))
    return array("q", numbers[np.argsort(first[prompt], kind="stable")].tobytes())


def endless_numbers(count: int, *, first: int, size: int, seed: int) -> list[int]:
    """Numbers `first` … `first + size − 1` of an endless sequence that goes through 0 … count − 1 again and again.

    Only seed and round decide the order of each round, so what is asked for at a step needs no memory of the others.
    """
    found: list[int] = []
    while len(found) < size:
        place = first + len(found)
        order = list(range(count))
        Random(f"{seed}/{place // count}").shuffle(order)
        found += order[place % count :][: size - len(found)]
    return found
