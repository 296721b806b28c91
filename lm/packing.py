"""Which sequences are computed together, so that little is padded or left empty."""

from collections.abc import Sequence


def pack(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Returns which items share a row: first fit, longest first; an item longer than `budget` has a row of its own.

    Lengths 5, 2, 4, 3 in rows of 7: 5 + 2 and 4 + 3.

    >>> pack([5, 2, 4, 3], 7)
    [[0, 1], [2, 3]]
    """
    rows: list[list[int]] = []
    left: list[int] = []
    for item in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        row = next((index for index, room in enumerate(left) if room >= lengths[item]), None)
        if row is None:
            rows.append([item])
            left.append(budget - lengths[item])
        else:
            rows[row].append(item)
            left[row] -= lengths[item]
    return rows
