"""Where two people ranked the same completions and preferred the opposite. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

Ranks = Mapping[int, int]
"""Completion id → rank, 1 is best."""


@dataclass(frozen=True, kw_only=True)
class OpposedPair:
    """A pair of completions: how many others preferred the opposite, the same, or neither."""

    upper: int
    lower: int
    opposed: int
    same: int
    tied: int


def opposed_pairs(mine: Ranks, others: Sequence[Ranks]) -> list[OpposedPair]:
    """The pairs that at least one other person ranked the other way round, the most opposed first; ties oppose nobody.

    >>> opposed_pairs({1: 1, 2: 2, 3: 3}, [{1: 2, 2: 1, 3: 3}, {1: 1, 2: 1, 3: 1}])
    [OpposedPair(upper=1, lower=2, opposed=1, same=0, tied=1)]
    """
    found = []
    for one, other in combinations(sorted(mine), 2):
        if mine[one] == mine[other]:
            continue
        upper, lower = (one, other) if mine[one] < mine[other] else (other, one)
        theirs = [ranks[lower] - ranks[upper] for ranks in others]
        opposed = sum(difference < 0 for difference in theirs)
        if opposed:
            same = sum(difference > 0 for difference in theirs)
            tied = len(theirs) - opposed - same
            found.append(OpposedPair(upper=upper, lower=lower, opposed=opposed, same=same, tied=tied))
    return sorted(found, key=lambda pair: (pair.same - pair.opposed, pair.upper, pair.lower))
