"""Shares of many people at once, from sums that a database adds up, and each drawn towards the others. Pure."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from labeling.quality.agreement.rules.intervals import FEWEST_PROMPTS, Share, Z, student_quantile, wilson
from lm.snapshot.records.constants import FEWEST_PAIRS

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

    Empirical Bayes by Morris (1983), "Parametric Empirical Bayes Inference", JASA 78, 47-55: how far people differ is
    itself estimated, from few people badly, so that they are drawn less far than that estimate alone says, and the
    intervals of those who stand far from the average are wider. The pairs of a prompt hang together, so that a person
    has as many as they are worth: their number over the design effect, which is estimated from all.
    Nobody is left out: who has few pairs stands near the average. Of two or three people too little is known for that:
    each keeps their own share. Empty without enough data.
    """
    known = {who: sums for who, sums in everybody.items() if sums.y}
    enough = [sums for sums in known.values() if sums.is_enough and 0 < sums.share < 1]
    if len(enough) < 2:
        return {}
    effect = max(1.0, sum(each.variance() / each.independent_variance() for each in enough) / len(enough))
    people = _people([each.share for each in enough], [each.y / effect for each in enough])
    return {who: people.drawn(sums, pairs=sums.y / effect) for who, sums in known.items()}


@dataclass(frozen=True, kw_only=True)
class _People:
    """How shares are distributed over people: their mean, and their variance `between` people. `chance`: the variance
    that one person's pairs have by chance, at the mean of all.
    """

    count: int
    mean: float
    between: float
    chance: float

    def drawn(self, sums: Sums, *, pairs: float) -> Share:
        """The share of one who has so many independent pairs."""
        own = self.mean * (1 - self.mean) / pairs
        towards, unsure = 0.0, 0.0
        if self.count > FEWEST_PEOPLE:
            # Morris's (k - 3) / (k - 1), put on the variance between people, so that it is his where all have as many
            # pairs, and whoever has hardly any still stands at the average.
            spread = self.chance + self.between
            wider = spread * (self.count - 1) / (self.count - FEWEST_PEOPLE) - self.chance
            towards = own / (own + wider)
            unsure = 2 / (self.count - FEWEST_PEOPLE) * towards**2 * spread / (own + self.between)
        value = (1 - towards) * sums.share + towards * self.mean
        variance = own * (1 - towards + towards / self.count) + unsure * (sums.share - self.mean) ** 2
        if 0 < value < 1:
            odds, half = math.log(value / (1 - value)), Z * math.sqrt(variance) / (value * (1 - value))
            low, high = 1 / (1 + math.exp(half - odds)), 1 / (1 + math.exp(-half - odds))
        else:
            low, high = wilson(value, pairs)
        return Share(value=value, low=low, high=high, pairs=round(sums.y), prompts=sums.prompts)


FEWEST_PEOPLE = 3
"""So many people say nothing of how far people differ (Morris 1983)."""
ROUNDS = 50


def _people(shares: Sequence[float], pairs: Sequence[float]) -> _People:
    """From the shares of people and how many independent pairs each has. Each person counts by how well they are known:
    by one over the variance of their share, which needs the variance between people, so that both are found in turns
    (Morris 1983).
    """
    share, count = np.array(shares), len(shares)
    overall = float(np.average(share, weights=pairs))
    chance = overall * (1 - overall) / np.array(pairs)
    between = max(0.0, float(share.var(ddof=1) - chance.mean()))
    for _ in range(ROUNDS):
        weights = 1 / (chance + between)
        mean = float(np.average(share, weights=weights))
        before = between
        excess = count / (count - 1) * (share - mean) ** 2 - chance
        between = max(0.0, float(np.average(excess, weights=weights)))
        if math.isclose(between, before, abs_tol=1e-9):
            break
    return _People(
        count=count, mean=mean, between=between, chance=float(np.average(chance, weights=1 / (chance + between)))
    )
