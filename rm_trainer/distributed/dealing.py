"""Which rank computes what of a batch. Every rank knows the whole batch and deals alike, so nobody has to be told."""

from collections.abc import Iterator, Sequence

from rm_trainer.distributed.ranks import Ranks


def own_parts(sizes: Sequence[int], *, budget: int, ranks: Ranks) -> Iterator[tuple[list[int], bool]]:
    """This rank's micro-batches, as the numbers of items of these `sizes`, and whether each counts.

    Every rank gets as many, since all must take part in FSDP's collectives. One that has nothing left computes the
    smallest item once more, which doesn't count.
    """
    made = [
        [[mine[number] for number in part] for part in pack([sizes[number] for number in mine], budget)]
        for mine in deal(sizes, ranks=ranks.size)
    ]
    smallest = [min(range(len(sizes)), key=sizes.__getitem__)] if sizes else []
    own = made[ranks.rank]
    for turn in range(max(map(len, made))):
        yield (own[turn], True) if turn < len(own) else (smallest, False)


def deal(sizes: Sequence[int], *, ranks: int) -> list[list[int]]:
    """The items' numbers for every rank: the largest first, each to the rank that has had least.

    The ranks wait for each other micro-batch by micro-batch, so those of one turn must cost about the same.

    >>> deal([9, 1, 8, 5, 4], ranks=2)
    [[0, 4, 1], [2, 3]]
    """
    dealt: list[list[int]] = [[] for _ in range(ranks)]
    had = [0] * ranks
    for number in sorted(range(len(sizes)), key=lambda number: -sizes[number]):
        rank = min(range(ranks), key=had.__getitem__)
        dealt[rank].append(number)
        had[rank] += sizes[number]
    return dealt


def pack(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Which items share a micro-batch: first fit, longest first; a longer item than `budget` has one of its own.

    Lengths 5, 2, 4, 3 with room for 7: 5 + 2 and 4 + 3.

    >>> pack([5, 2, 4, 3], 7)
    [[0, 1], [2, 3]]
    """
    packed: list[list[int]] = []
    left: list[int] = []
    for item in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        found = next((index for index, room in enumerate(left) if room >= lengths[item]), None)
        if found is None:
            packed.append([item])
            left.append(budget - lengths[item])
        else:
            packed[found].append(item)
            left[found] -= lengths[item]
    return packed
