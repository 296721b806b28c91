"""How a ranking is held against the right answer, or against what the same person said before. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

Ranks = Mapping[int, int]
"""Completion id → rank, 1 is best; equal ranks are a tie."""
Flagged = Mapping[int, Collection[str]]
"""Completion id → the keys of the flags that are set."""
Pair = tuple[int, int]
"""Completion ids, the better one first."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """`pairs` have an order in the answer, `pairs_held` of them were put in the same one. `flags` were set by the
    answer or by the labeler, `flags_agreed` of them by both. `passed`: every pair held that must.
    """

    pairs: int
    pairs_held: int
    flags: int
    flags_agreed: int
    passed: bool


def measure(
    *, answer: Ranks, must_hold: Iterable[Pair], ranks: Ranks, right_flags: Flagged, flags: Flagged
) -> Measured:
    """Holds `ranks` and `flags` against the answer. A tie of two that the answer has in an order does not hold.

    >>> said = {1: 1, 2: 3, 3: 2}
    >>> measure(answer={1: 1, 2: 2, 3: 3}, must_hold=[(1, 3)], ranks=said, right_flags={3: ["rude"]}, flags={})
    Measured(pairs=3, pairs_held=2, flags=1, flags_agreed=0, passed=True)
    """
    ordered = ordered_pairs(answer)
    right = {(completion, flag) for completion, keys in right_flags.items() for flag in keys}
    said = {(completion, flag) for completion, keys in flags.items() for flag in keys}
    return Measured(
        pairs=len(ordered),
        pairs_held=sum(_holds(pair, ranks) for pair in ordered),
        flags=len(right | said),
        flags_agreed=len(right & said),
        passed=all(_holds(pair, ranks) for pair in must_hold),
    )


def ordered_pairs(answer: Ranks, *, apart: int = 1) -> list[Pair]:
    """The pairs that are at least so many ranks apart, the better one first.

    >>> ordered_pairs({1: 1, 2: 2, 3: 2, 4: 3}, apart=2)
    [(1, 4)]
    """
    found = []
    for one, other in combinations(sorted(answer), 2):
        difference = answer[other] - answer[one]
        if abs(difference) >= apart:
            found.append((one, other) if difference > 0 else (other, one))
    return found


def pairs_to_hold(answer: Ranks, *, apart: int | None, pairs: Collection[Pair]) -> list[Pair]:
    """Those that are at least so many ranks apart (None: none), and `pairs`, whichever of the two they name first.

    >>> pairs_to_hold({1: 1, 2: 2, 3: 3}, apart=2, pairs=[(2, 1)])
    [(1, 2), (1, 3)]
    """
    wanted = {frozenset(pair) for pair in pairs}
    far = set() if apart is None else set(ordered_pairs(answer, apart=apart))
    return [pair for pair in ordered_pairs(answer) if pair in far or frozenset(pair) in wanted]


def tied_of(pairs: Collection[Pair], answer: Ranks) -> list[Pair]:
    """Those of the pairs that the answer has in no order."""
    return [(one, other) for one, other in pairs if answer.get(one) == answer.get(other)]


def ranks_of(tiers: Sequence[Sequence[int]]) -> dict[int, int]:
    """Completion id → rank.

    >>> ranks_of([[7], [5, 6]])
    {7: 1, 5: 2, 6: 2}
    """
    return {completion: rank for rank, tier in enumerate(tiers, start=1) for completion in tier}


def tiers_of(ranks: Ranks) -> list[list[int]]:
    """The same the other way round; gaps between ranks are closed.

    >>> tiers_of({7: 1, 5: 4, 6: 4})
    [[7], [5, 6]]
    """
    return [sorted(each for each in ranks if ranks[each] == rank) for rank in sorted(set(ranks.values()))]


def apart_of(answer: Ranks, must_hold: Collection[Pair]) -> int | None:
    """By how many ranks the pairs are apart that must hold, if they are all of these; None for any other choice."""
    wanted = set(must_hold)
    highest = max(answer.values(), default=1)
    return next((n for n in range(1, highest) if set(ordered_pairs(answer, apart=n)) == wanted), None)


def _holds(pair: Pair, ranks: Ranks) -> bool:
    better, worse = pair
    return ranks[better] < ranks[worse]
