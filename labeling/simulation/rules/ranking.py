"""A ranking as a simulated labeler hands it in. Pure, so that worlds without a database are made of the same labelers.

What a completion seems to be worth is what it is worth, moved by the labeler's habits, and a draw from Gumbel's
distribution: the better of two is preferred with the probability of Bradley and Terry (1952), and orders of several
have those of Plackett (1975) and Luce (1959).
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, pstdev

from labeling.simulation.rules.behaviours import MOST_NOISE, Behaviour

CHARACTERS_READ_PER_SECOND = 20
SPREAD_OF_PACE = 0.25
"""The standard deviation of the logarithm of one labeler's seconds for the same text."""
UNREAD_SECONDS = (2.0, 6.0)


@dataclass(frozen=True)
class Page:
    """What a labeler is shown, in the order shown. `seems`: what misleads everybody, beside what each is worth."""

    worths: Sequence[float]
    lengths: Sequence[int]
    seems: Sequence[float] | None = None

    @cached_property
    def true_worths(self) -> list[float]:
        return standardised(self.worths)

    @cached_property
    def seeming_worths(self) -> list[float]:
        return self.true_worths if self.seems is None else standardised(self.seems)

    @cached_property
    def long(self) -> list[float]:
        return standardised([math.log(max(1, length)) for length in self.lengths])


@dataclass(frozen=True, kw_only=True)
class HandedIn:
    """`ranks` (1 is best) and `qualities` (1 to 7) in the order shown; `seconds`: at work on it."""

    ranks: list[int]
    qualities: list[int]
    seconds: float


def standardised(values: Sequence[float]) -> list[float]:
    """Mean 0 and standard deviation 1; all 0 where they are all alike."""
    mean, deviation = fmean(values), pstdev(values)
    return [(value - mean) / deviation if deviation else 0.0 for value in values]


def noise_scale(worths: Sequence[float], noise: float) -> float:
    """The scale of the noise with which neighbours of these worths, on average as far apart as they are, swap with the
    probability `noise`."""
    steps = len(set(worths)) - 1
    if not noise or not steps:
        return 0.0
    gap = (max(worths) - min(worths)) / steps
    return gap / max(1e-9, math.log((1 - noise) / noise))


def seen_worths(page: Page, behaviour: Behaviour, *, noise: float, chance: random.Random) -> list[float]:
    """What each completion seems to be worth to the labeler, on this page, this time."""
    worths = page.true_worths if behaviour.sees_truth else page.seeming_worths
    scale, last = noise_scale(worths, noise), max(1, len(worths) - 1)
    # One draw for all of one worth: they stay tied.
    drawn = {worth: -math.log(-math.log(chance.random() or 0.5)) for worth in dict.fromkeys(worths)} if scale else {}
    habits = [behaviour.position * (1 - place / last) + behaviour.length * long for place, long in enumerate(page.long)]
    return [worth + habit + scale * drawn.get(worth, 0) for worth, habit in zip(worths, habits, strict=True)]


def ranks_of(seen: Sequence[float], *, ties_within: float = 0.0) -> list[int]:
    """A rank for each, 1 for the highest. Neighbours of the order no further apart than that are tied.

    >>> ranks_of([0.1, 2.0, 0.3, 2.0], ties_within=0.3)
    [2, 1, 2, 1]
    """
    ranks: dict[float, int] = {}
    rank, above = 0, math.inf
    for value in sorted(set(seen), reverse=True):
        rank += above - value > ties_within
        ranks[value] = rank
        above = value
    return [ranks[value] for value in seen]


def quality_of(rank: int, *, worst: int) -> int:
    """The 1–7 quality that goes with a rank: 7 for rank 1, falling evenly towards 1 for the worst rank."""
    return 7 if worst == 1 else 7 - round(6 * (rank - 1) / (worst - 1))


def hand_in(
    page: Page,
    behaviour: Behaviour,
    *,
    chance: random.Random,
    rankings_before: int = 0,
    earlier: Sequence[int] | None = None,
) -> HandedIn:
    """One ranking. `rankings_before`: the labeler's, for their fatigue. `earlier`: the ranks that somebody handed in
    for the same task before, in the order shown now."""
    if earlier is not None and chance.random() < behaviour.copying:
        ranks, seconds = list(earlier), chance.uniform(*UNREAD_SECONDS)
    elif chance.random() < behaviour.spam:
        ranks, seconds = (
            chance.sample(range(1, len(page.worths) + 1), len(page.worths)),
            chance.uniform(*UNREAD_SECONDS),
        )
    else:
        noise = min(MOST_NOISE, behaviour.noise_after(rankings_before))
        seen = seen_worths(page, behaviour, noise=noise, chance=chance)
        ranks = ranks_of(seen, ties_within=behaviour.ties_within)
        reading = sum(page.lengths) / CHARACTERS_READ_PER_SECOND
        seconds = behaviour.pace * reading * math.exp(chance.gauss(0, SPREAD_OF_PACE))
    return HandedIn(ranks=ranks, qualities=_qualities(ranks, behaviour.leniency, chance), seconds=seconds)


def _qualities(ranks: Sequence[int], leniency: float, chance: random.Random) -> list[int]:
    # Half a point is a point at half of the pages.
    points = math.floor(leniency + (chance.random() if leniency % 1 else 0))
    return [min(7, max(1, quality_of(rank, worst=max(ranks)) + points)) for rank in ranks]
