"""Whether the rate of a fixed comparison, which comes again and again, moved (Stiennon et al. 2020, C.1). Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

FALSE_ALARMS = 0.01
"""Per period looked at: without any change, one false alarm in a hundred periods."""
FEWEST = 20
"""Preferences in a period, and four times as many before it, for a comparison."""


@dataclass(frozen=True, kw_only=True)
class Period:
    """Of `pairs` preferences in this period, `preferred` are for the first source. `whole`: it is over."""

    name: str
    preferred: int
    pairs: int
    whole: bool = True


@dataclass(frozen=True, kw_only=True)
class Look:
    """`expected`: the rate of all periods before, since the last alarm. `chance`: how often as much comes by chance;
    None where there is not enough data."""

    period: Period
    expected: float | None
    chance: float | None
    is_alarm: bool


def looks(periods: Sequence[Period]) -> list[Look]:
    """Each period against all before it. After an alarm the count begins anew: a lasting change alarms once.

    A period that is not over is not judged: it would be looked at again with every preference, and each look is another
    chance of a false alarm.
    """
    found = []
    preferred = pairs = 0
    for period in periods:
        enough = period.whole and period.pairs >= FEWEST and pairs >= 4 * FEWEST
        chance = _chance(period, preferred, pairs) if enough else None
        is_alarm = chance is not None and chance < FALSE_ALARMS
        found.append(
            Look(period=period, expected=preferred / pairs if enough else None, chance=chance, is_alarm=is_alarm)
        )
        if is_alarm:
            preferred = pairs = 0
        preferred += period.preferred
        pairs += period.pairs
    return found


def _chance(period: Period, preferred: int, pairs: int) -> float:
    """Two-sided, of two rates (the pooled z-test)."""
    rate = (period.preferred + preferred) / (period.pairs + pairs)
    error = math.sqrt(rate * (1 - rate) * (1 / period.pairs + 1 / pairs))
    if not error:
        return 1.0
    return 2 * NormalDist().cdf(-abs(period.preferred / period.pairs - preferred / pairs) / error)
