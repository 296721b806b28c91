"""What a candidate came to, beside what is asked for. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict


class MeasureRecord(TypedDict):
    """As a decision keeps it. `value` is None where there was not enough data."""

    value: float | None
    cutoff: float
    of: int


@dataclass(frozen=True, kw_only=True)
class Measure:
    """`value` and `cutoff` in percent, or a grade of 1 to 7. `of`: of how many pairs, flags or grades. `passed` is None
    where there is not enough data.
    """

    value: float | None
    cutoff: float
    of: int

    @property
    def passed(self) -> bool | None:
        return None if self.value is None else self.value >= self.cutoff

    def record(self) -> MeasureRecord:
        return {"value": None if self.value is None else round(self.value, 2), "cutoff": self.cutoff, "of": self.of}


def mean_of(grades: Sequence[int]) -> float | None:
    """
    >>> mean_of([7, 6, 5]), mean_of([])
    (6.0, None)
    """
    return sum(grades) / len(grades) if grades else None


def strictest(cutoffs: Sequence[float], *, usual: float) -> float:
    """Of several campaigns at once, the highest cutoff holds.

    >>> strictest([75, 80], usual=75), strictest([], usual=75)
    (80, 75)
    """
    return max(cutoffs, default=usual)
