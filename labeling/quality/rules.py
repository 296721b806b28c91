"""How often two people prefer the same of two completions. Pure.

Stiennon et al. (2020), C.2, whom InstructGPT follows: of the pairs that both compared and neither was indifferent
about, the share in which both prefer the same one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from lm.snapshot.records import FEWEST_PAIRS

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


def agreement_of(both: Iterable[tuple[Ranks, Ranks]]) -> Agreement:
    """Over all tasks that two people ranked, each given as one person's ranks and the other's.

    >>> agreement_of([({1: 1, 2: 2, 3: 3}, {1: 1, 2: 3, 3: 2})])
    Agreement(same=2, pairs=3)
    """
    same = pairs = 0
    for mine, theirs in both:
        for one, other in combinations(sorted(mine.keys() & theirs.keys()), 2):
            my_preference, their_preference = mine[one] - mine[other], theirs[one] - theirs[other]
            if my_preference and their_preference:
                pairs += 1
                same += (my_preference > 0) == (their_preference > 0)
    return Agreement(same=same, pairs=pairs)
