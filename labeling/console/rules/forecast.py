"""When a campaign will be done, with an interval. Pure.

The rankings of a day are taken to be independent draws of one distribution, whose mean and spread are those of the last
days, days without work included. What n further days bring is then within

    n m ± t s √(n + n² / N)

with the mean m and the standard deviation s of N days, and Student's t: the first term
under the root is the days' own chance, the second that m itself is known only from N days (the prediction interval of a
sum; Hahn and Meeker, Statistical Intervals, 1991, section 4.7). The earliest day is where the upper bound reaches what
is left, the latest where the lower bound does. A week's rhythm is in s, so that the interval is rather too wide.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from labeling.quality.agreement.rules.intervals import Z, student_quantile

FEWEST_DAYS = 5
"""Of which rankings are known; fewer tell nothing of their spread."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Days from now, whole days rounded up. `latest` is None where the pace may as well be none."""

    expected: int
    earliest: int
    latest: int | None


def forecast(*, left: int, per_day: Sequence[int]) -> Forecast | None:
    """When `left` rankings are made; None where too few days are known or nothing was done in them.

    >>> forecast(left=100, per_day=[10, 10, 10, 10, 10])
    Forecast(expected=10, earliest=10, latest=10)
    >>> forecast(left=100, per_day=[10, 10])
    """
    days = len(per_day)
    if days < FEWEST_DAYS or not any(per_day):
        return None
    mean = sum(per_day) / days
    variance = sum((each - mean) ** 2 for each in per_day) / (days - 1)
    spread = student_quantile(Z, days - 1) ** 2 * variance
    # The bounds are the roots of (left − n m)² = t² s² (n + n² / N), a quadratic in n.
    a, half_b = mean**2 - spread / days, left * mean + spread / 2
    root = math.sqrt(max(0.0, half_b**2 - a * left**2))
    return Forecast(
        expected=math.ceil(left / mean - 1e-9),
        earliest=math.ceil(left**2 / (half_b + root) - 1e-9) if left else 0,
        latest=(math.ceil((half_b + root) / a - 1e-9) if left else 0) if a > 0 else None,
    )
