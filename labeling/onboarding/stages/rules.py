"""What was measured in screening and practice, held against what is asked for. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Of one gold item: the pairs that the answer has in an order, and those that were put in the same one."""

    pairs: int
    held: int


def percent_of(part: int, whole: int) -> float | None:
    """None where there is nothing to take a part of: that is no 0 and no 100.

    >>> percent_of(3, 4), percent_of(0, 0)
    (75.0, None)
    """
    return 100 * part / whole if whole else None


def agreement_of_last(results: Sequence[Pairs], *, items: int) -> float | None:
    """Of the last so many items, the latest first, the percent of pairs in the right order. None: there are fewer.

    Whoever began badly and learned is measured by the last ones alone.

    >>> agreement_of_last([Pairs(pairs=4, held=4), Pairs(pairs=4, held=2), Pairs(pairs=4, held=0)], items=2)
    75.0
    """
    if len(results) < items:
        return None
    last = results[:items]
    return percent_of(sum(each.held for each in last), sum(each.pairs for each in last))


def reaches(value: float | None, cutoff: float) -> bool | None:
    """None: not enough data."""
    return None if value is None else value >= cutoff
