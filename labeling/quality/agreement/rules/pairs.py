"""How far two people order the same completions alike: counts of pairs, and what follows from them. Pure.

Stiennon et al. (2020), C.2, whom InstructGPT follows: of the pairs that both compared and neither was indifferent
about, the share in which both prefer the same one. By chance that is one half.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from lm.snapshot.records.constants import FEWEST_PAIRS, STRONGEST

Ranks = Mapping[int, int]
"""Completion id → rank, 1 is best."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    same: int
    pairs: int

    @property
    def share(self) -> float | None:
        """Returns the share of equal preferences; None while there are fewer than FEWEST_PAIRS."""
        return self.same / self.pairs if self.pairs >= FEWEST_PAIRS else None

    @property
    def percent(self) -> int | None:
        return None if self.share is None else round(100 * self.share)


@dataclass(kw_only=True)
class PairCounts:
    """The pairs of completions that two rankings of one task have in common.

    `tied_by_first`: the first one ties them, the second does not. `same_by_strength` and `opposed_by_strength`: the
    same pairs by strength, weakest first, where both said how much better; of both strengths the weaker counts.
    """

    same: int = 0
    opposed: int = 0
    tied_by_first: int = 0
    tied_by_second: int = 0
    tied_by_both: int = 0
    same_by_strength: list[int] = field(default_factory=lambda: [0] * STRONGEST)
    opposed_by_strength: list[int] = field(default_factory=lambda: [0] * STRONGEST)

    @property
    def strict(self) -> int:
        """The pairs about which neither was indifferent."""
        return self.same + self.opposed

    @property
    def pairs(self) -> int:
        return self.strict + self.tied_by_first + self.tied_by_second + self.tied_by_both

    def tau_b(self) -> float | None:
        """Returns Kendall's tau-b, −1 to 1 (Kendall 1945); None where one of both ties all: it doesn't exist then."""
        ordered_by_first = self.strict + self.tied_by_second
        ordered_by_second = self.strict + self.tied_by_first
        if not ordered_by_first or not ordered_by_second:
            return None
        return (self.same - self.opposed) / math.sqrt(ordered_by_first * ordered_by_second)


def compare(
    first: Ranks,
    second: Ranks,
    *,
    first_strengths: Sequence[int] | None = None,
    second_strengths: Sequence[int] | None = None,
) -> PairCounts:
    """Counts the pairs of completions that both ranked. Strengths: between each rank and the next, best first.

    >>> counts = compare({1: 1, 2: 2, 3: 3}, {1: 1, 2: 3, 3: 2})
    >>> counts.same, counts.opposed
    (2, 1)
    """
    same, opposed = [0] * (STRONGEST + 1), [0] * (STRONGEST + 1)  # by strength; 0: nobody said
    tied_by_first = tied_by_second = tied_by_both = 0
    for one, other in combinations(sorted(first.keys() & second.keys()), 2):
        by_first, by_second = first[other] - first[one], second[other] - second[one]
        if by_first and by_second:
            strength = 0
            if first_strengths and second_strengths:
                strength = min(
                    strength_between(first[one], first[other], first_strengths),
                    strength_between(second[one], second[other], second_strengths),
                )
            (same if (by_first > 0) == (by_second > 0) else opposed)[strength] += 1
        elif by_second:
            tied_by_first += 1
        elif by_first:
            tied_by_second += 1
        else:
            tied_by_both += 1
    return PairCounts(
        same=sum(same),
        opposed=sum(opposed),
        tied_by_first=tied_by_first,
        tied_by_second=tied_by_second,
        tied_by_both=tied_by_both,
        same_by_strength=same[1:],
        opposed_by_strength=opposed[1:],
    )


def strength_between(one: int, other: int, steps: Sequence[int]) -> int:
    """How much better one rank is than another, 1 to STRONGEST: its steps added up, as snapshots add them."""
    low, high = sorted((one, other))
    return min(STRONGEST, sum(steps[low - 1 : high - 1]))


def agreement_of(both: Iterable[tuple[Ranks, Ranks]]) -> Agreement:
    """Over all tasks that two people ranked, each given as one person's ranks and the other's.

    >>> agreement_of([({1: 1, 2: 2, 3: 3}, {1: 1, 2: 3, 3: 2})])
    Agreement(same=2, pairs=3)
    """
    compared = [compare(mine, theirs) for mine, theirs in both]
    return Agreement(same=sum(each.same for each in compared), pairs=sum(each.strict for each in compared))
