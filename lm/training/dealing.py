"""Which process computes what of a batch. Each knows the whole batch and deals alike, so nobody has to be told."""

from collections.abc import Iterator, Sequence

from lm.training.processes import Processes


def own_parts(sizes: Sequence[int], *, budget: int, processes: Processes) -> Iterator[tuple[list[int], bool]]:
    """Yields this process's micro-batches, as the numbers of items of these `sizes`, and whether each counts.

    Every process gets as many, since all must take part in FSDP's collectives. One that has nothing left computes the
    smallest item once more, which doesn't count.
    """
    made = [
        [[mine[number] for number in part] for part in pack([sizes[number] for number in mine], budget)]
        for mine in deal(sizes, processes=processes.size)
    ]
    smallest = [min(range(len(sizes)), key=sizes.__getitem__)] if sizes else []
    own = made[processes.rank]
    for turn in range(max(map(len, made))):
        yield (own[turn], True) if turn < len(own) else (smallest, False)


def deal(sizes: Sequence[int], *, processes: int) -> list[list[int]]:
    """Returns the items' numbers for every process: the largest first, each to the one that has had least.

    The processes wait for each other micro-batch by micro-batch, so those of one turn must cost about the same.

    >>> deal([9, 1, 8, 5, 4], processes=2)
    [[0, 4, 1], [2, 3]]
    """
    dealt: list[list[int]] = [[] for _ in range(processes)]
    had = [0] * processes
    for number in sorted(range(len(sizes)), key=lambda number: -sizes[number]):
        least = min(range(processes), key=had.__getitem__)
        dealt[least].append(number)
        had[least] += sizes[number]
    return dealt


def pack(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Returns which items share a micro-batch: first fit, longest first; one longer than `budget` goes alone.

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
