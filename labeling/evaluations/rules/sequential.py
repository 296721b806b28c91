"""Bounds of a win rate that hold at all times at once, so that one may look after every judgement and stop. Pure.

Somebody bets, prompt after prompt, that the mean of the scores is above m. Whatever share of their money they bet, and
whatever the scores' distribution on 0 to 1 is, the money is a supermartingale where the mean is m or less: with
probability 1 − α it never grows to 1/α times what it was (Ville's inequality). So every m at which it did is too low.
Waudby-Smith & Ramdas (2024), "Estimating means of bounded random variables by betting", JRSS-B 86(1), sections 3 and 4.

The money is put on several bets that never change (their section on mixtures): half of it on the bet that is the best
one if the plan is right, the likelihood ratio of Wald's sequential test, and half on smaller and larger ones. The end
does not depend on the order of the scores, so a revised ranking only replaces its score.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PLANNED_SHARE = 0.5
"""Of the money, on the bet that suits the plan."""
BETS = np.array([0.01, 0.02, 0.04, 0.08, 0.12, 0.18, 0.26, 0.36, 0.5, 0.7])
"""Shares of the most that may be bet without ever going broke."""
STEPS = 1000
"""Bounds are found on a grid of 1 / STEPS."""

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The rate is above `low` with the confidence asked for, and below `high` with the same confidence."""

    low: float
    high: float


def log_money(scores: Array, *, null: float, difference: float | None = None) -> Array:
    """The logarithm of the money after each score (the last axis of `scores`) of who bets that their mean is above
    `null`. `difference`: the mean is planned to be so much above; None: nothing is planned.
    """
    bets, shares = _portfolio(null, difference)
    paths = [
        np.log(share) + np.cumsum(np.log1p(bet * (scores / null - 1)), axis=-1)
        for bet, share in zip(bets, shares, strict=True)
    ]
    money: Array = np.logaddexp.reduce(paths, axis=0)
    return money


def bounds_of(scores: Sequence[float], *, confidence: float, difference: float | None = None) -> Bounds:
    """Bounds of the mean of independent scores from 0 to 1; 0 and 1 while nothing is known."""
    values, counts = np.unique(np.array(scores, dtype=float), return_counts=True)
    needed = -np.log(1 - confidence)
    return Bounds(
        low=_lower(values, counts, needed, difference), high=1 - _lower(1 - values, counts, needed, difference)
    )


def _lower(values: Array, counts: NDArray[np.int64], needed: float, difference: float | None) -> float:
    """The highest step below which every mean is too low. `needed`: the logarithm of 1/α."""
    below = 0.0
    for step in range(1, STEPS):
        null = step / STEPS
        bets, shares = _portfolio(null, difference)
        grown = np.log1p(np.outer(bets, values / null - 1)) @ counts
        if np.logaddexp.reduce(np.log(shares) + grown) < needed:
            break
        below = null
    return below


def _portfolio(null: float, difference: float | None) -> tuple[Array, Array]:
    """(bets, shares of the money on each) against `null`."""
    if difference is None:
        return BETS, np.full(len(BETS), 1 / len(BETS))
    # Of scores 0 and 1 this bet's money is the likelihood ratio of null + difference to null.
    planned = min(0.9, difference / (1 - null))
    shares = np.full(len(BETS), (1 - PLANNED_SHARE) / len(BETS))
    return np.append(BETS, planned), np.append(shares, PLANNED_SHARE)
