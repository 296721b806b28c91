"""Shares of many people at once, from sums that a database adds up, and each drawn towards the others. Pure."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from labeling.quality.agreement.rules.intervals import FEWEST_PROMPTS, Share, Z, student_quantile, wilson
from lm.snapshot.records import FEWEST_PAIRS

Floats = NDArray[np.float64]

PRIORS, DRAWS = 200, 4000
Who = TypeVar("Who", bound=Hashable)


@dataclass(kw_only=True)
class Sums:
    """What `x` is counted and what `y` there is in each prompt, added up over `prompts`, with squares and products."""

    prompts: int = 0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    yy: float = 0.0

    def add(self, x: float, y: float) -> None:
        self.prompts += 1
        self.x += x
        self.y += y
        self.xx += x * x
        self.xy += x * y
        self.yy += y * y

    @property
    def share(self) -> float:
        return self.x / self.y

    @property
    def is_enough(self) -> bool:
        return self.prompts >= FEWEST_PROMPTS and self.y >= FEWEST_PAIRS

    def variance(self) -> float:
        """Of the share, prompts drawn whole (the linearised ratio; Cochran 1977, 6.4). Needs two prompts."""
        spread = self.xx - 2 * self.share * self.xy + self.share**2 * self.yy
        return max(0.0, spread) * self.prompts / (self.prompts - 1) / self.y**2

    def independent_variance(self) -> float:
        """The same, were all its pairs independent."""
        return self.share * (1 - self.share) / self.y


def share_of_sums(sums: Sums) -> Share | None:
    """Returns the share with its 95% interval, by Student's t on the scale of log-odds. None: not enough data."""
    if not sums.is_enough:
        return None
    share, variance = sums.share, sums.variance()
    if not 0 < share < 1 or not variance:
        low, high = wilson(share, sums.prompts)
    else:
        error = math.sqrt(variance) / (share * (1 - share))
        half = student_quantile(Z, sums.prompts - 1) * error
        odds = math.log(share / (1 - share))
        low, high = 1 / (1 + math.exp(half - odds)), 1 / (1 + math.exp(-half - odds))
    return Share(value=share, low=low, high=high, pairs=round(sums.y), prompts=sums.prompts)


def pooled(everybody: Mapping[Who, Sums]) -> dict[Who, Share]:
    """Returns each one's share drawn towards that of all (partial pooling), the more so the less is known of them.

    Empirical Bayes with a beta-binomial (Kleinman 1973 for its moments). The pairs of a prompt hang together, so
    that a person has as many as they are worth: their number over the design effect, which is estimated from all.
    That the distribution of the people is itself an estimate is in the intervals: they are drawn from as many as a
    bootstrap over people gives (Laird and Louis 1987). Nobody is left out: who has few pairs stands near the average
    with a wide interval. Empty without enough data.
    """
    known = {who: sums for who, sums in everybody.items() if sums.y}
    enough = [sums for sums in known.values() if sums.is_enough and 0 < sums.share < 1]
    if len(enough) < 2:
        return {}
    effect = max(1.0, sum(each.variance() / each.independent_variance() for each in enough) / len(enough))
    x, y = np.array([(each.x, each.y) for each in enough]).T / effect
    random = np.random.default_rng(0)
    means, weights = _priors(x, y, random.integers(len(x), size=(PRIORS, len(x))))
    shares = {}
    for who, sums in known.items():
        above, below = means * weights + sums.x / effect, (1 - means) * weights + (sums.y - sums.x) / effect
        draws = random.beta(above, below, size=(DRAWS // PRIORS, PRIORS))
        low, high = np.quantile(draws, [0.025, 0.975])
        shares[who] = Share(
            value=float((above / (above + below)).mean()),
            low=float(low),
            high=float(high),
            pairs=round(sums.y),
            prompts=sums.prompts,
        )
    return shares


MOST_ALIKE = 1e4
"""The weight in pairs of a distribution of people who can't be told apart: each stands at the average."""
LEAST_ALIKE = 2.0


def _priors(x: Floats, y: Floats, drawn: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """The beta distributions of people's shares as (mean, weight in pairs), by moments, one for each draw of people.

    `x` of `y`: by person; `drawn`: [draws, people].
    """
    x, y = x[drawn], y[drawn]
    people, total = drawn.shape[1], y.sum(axis=1)
    mean = x.sum(axis=1) / total
    between = (y * (x / y - mean[:, None]) ** 2).sum(axis=1)
    # Of the spread between people, what their pairs' own chance does not explain.
    left = between - (people - 1) * mean * (1 - mean)
    scale = total - (y**2).sum(axis=1) / total - (people - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(left > 0, mean * (1 - mean) * scale / left - 1, MOST_ALIKE)
    return mean, np.clip(weight, LEAST_ALIKE, MOST_ALIKE)
