"""Which rank computes what of a batch. Every rank knows the whole batch and deals alike, so nobody has to be told."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rm_trainer.batches import parts
from rm_trainer.distributed.ranks import Ranks

T = TypeVar("T")


def own_parts(
    items: Sequence[T], cost: Callable[[T], int], *, size: int, ranks: Ranks
) -> Iterator[tuple[Sequence[T], bool]]:
    """This rank's share of `items`, `size` at a time, and whether it counts.

    Every rank gets as many parts, since all must take part in FSDP's collectives. One that has nothing left computes
    the cheapest item once more, which doesn't count.
    """
    if ranks.size == 1:
        yield from ((part, True) for part in parts(items, size))
        return
    costs = [cost(item) for item in items]
    cheapest = [min(zip(costs, range(len(items)), strict=True))[1]] if items else []
    for numbers in deal(costs, size=size, ranks=ranks.size)[ranks.rank]:
        yield [items[number] for number in numbers or cheapest], bool(numbers)


def deal(costs: Sequence[int], *, size: int, ranks: int) -> list[list[list[int]]]:
    """For every rank its parts of up to `size` item numbers, the same number of parts each; the last may be empty.

    The ranks wait for each other part by part, so what they compute at a time must cost about the same: dearest items
    first, each to the rank that has had least.

    >>> deal([9, 1, 8, 5, 4], size=1, ranks=2)
    [[[0], [4], [1]], [[2], [3], []]]
    """
    dearest_first = sorted(range(len(costs)), key=lambda number: -costs[number])
    dealt: list[list[list[int]]] = [[] for _ in range(ranks)]
    had = [0] * ranks
    for together in parts(dearest_first, size * ranks):
        for one in dealt:
            one.append([])
        for number in together:
            rank = min((had[rank], rank) for rank in range(ranks) if len(dealt[rank][-1]) < size)[1]
            dealt[rank][-1].append(number)
            had[rank] += costs[number]
    return dealt
