"""Shares with intervals that know that a prompt's pairs aren't independent: every draw takes whole prompts. Pure.

A figure that rests on fewer than FEWEST_PAIRS pairs or FEWEST_PROMPTS prompts does not exist: pages say "not enough
data" in its place.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from lm.snapshot.records.constants import FEWEST_PAIRS

FEWEST_PROMPTS = 10
"""An interval over fewer prompts says little, and says it wrongly."""
RESAMPLES = 1000
SURE = 0.95
Z = NormalDist().inv_cdf((1 + SURE) / 2)

Cell = tuple[int, int, int]
"""(counted, of how many, in how many prompts): prompts with the same numbers are one cell."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share with its 95% interval. `pairs`: of how many."""

    value: float
    low: float
    high: float
    pairs: int
    prompts: int


def share_of(cells: Iterable[Cell], *, samples: int = RESAMPLES, seed: int = 0) -> Share | None:
    """Returns the share of what is counted in all that there is, with a bootstrap's interval over prompts.

    It is the percentile interval, widened for few prompts as by Hesterberg (2015), "What Teachers Should Know About
    the Bootstrap", 5.2. None where there is not enough data.
    """
    known = sorted(cell for cell in cells if cell[1])  # the same draws in whatever order they come
    prompts, pairs = sum(cell[2] for cell in known), sum(cell[1] * cell[2] for cell in known)
    if pairs < FEWEST_PAIRS or prompts < FEWEST_PROMPTS:
        return None
    table = np.array(known, dtype=float)
    # A draw of as many prompts as there are is a draw of how often each cell comes up.
    times = np.random.default_rng(seed).multinomial(prompts, table[:, 2] / prompts, size=samples)
    drawn = (times @ table[:, 0]) / (times @ table[:, 1])
    value = float((table[:, 0] * table[:, 2]).sum() / pairs)
    low, high = (float(bound) for bound in np.quantile(drawn, widened(prompts)))
    if math.isclose(low, high, rel_tol=1e-9, abs_tol=1e-12):
        low, high = wilson(value, prompts)  # prompts that are all alike
    return Share(value=value, low=low, high=high, pairs=pairs, prompts=prompts)


def widened(prompts: int) -> tuple[float, float]:
    """The quantiles of the draws that make a 95% interval over so many prompts."""
    tail = NormalDist().cdf(-math.sqrt(prompts / (prompts - 1)) * student_quantile(Z, prompts - 1))
    return tail, 1 - tail


def wilson(share: float, count: float) -> tuple[float, float]:
    """Wilson's (1927) 95% interval of a share among so many independent ones."""
    middle = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z / (1 + Z * Z / count) * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def student_quantile(z: float, freedom: int) -> float:
    """The quantile of Student's t that has the normal quantile `z` (Wallace 1959, right to some 1%)."""
    scaled = z * (8 * freedom + 3) / (8 * freedom + 1)
    return math.copysign(math.sqrt(freedom * math.expm1(scaled * scaled / freedom)), z)


def normal_of_student(t: float, freedom: int) -> float:
    """The normal quantile of a value of Student's t: the other way round."""
    return math.copysign(math.sqrt(freedom * math.log1p(t * t / freedom)), t) * (8 * freedom + 1) / (8 * freedom + 3)
