"""From ranks to pairs: which completion is better than which. Pure: no Django, no torch."""

from collections.abc import Mapping, Sequence
from itertools import combinations


def usable_pairs(ranks: Sequence[int]) -> list[tuple[int, int]]:
    """Indices (better, worse) of every comparison that the ranks hold; a tie makes none.

    >>> usable_pairs([1, 2, 2])
    [(0, 1), (0, 2)]
    """
    return [
        (i, j) if ranks[i] < ranks[j] else (j, i) for i, j in combinations(range(len(ranks)), 2) if ranks[i] != ranks[j]
    ]


def densify(ranks: Mapping[int, int]) -> dict[int, int]:
    """The same order and ties with ranks 1, 2, 3 … without gaps: {7: 2, 8: 5, 9: 5} becomes {7: 1, 8: 2, 9: 2}."""
    dense = {rank: position for position, rank in enumerate(sorted(set(ranks.values())), start=1)}
    return {key: dense[rank] for key, rank in ranks.items()}
