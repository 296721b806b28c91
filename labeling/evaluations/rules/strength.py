"""One scale for many models: Bradley–Terry, shown as Elo points. Pure."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.quality.agreement.rules.intervals import FEWEST_PROMPTS, widened

ELO = 400 / math.log(10)
"""Points for one unit of log-odds: 400 points are odds of 10 to 1 (Elo 1978)."""
ROUNDS = 2000
NEAR_ENOUGH = 1e-9
SAMPLES = 400
ONE_TIE = 0.5
"""Every two that met are taken to have tied once besides, so that no strength is infinite."""

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Strength:
    """Elo points above the model that has `beside` for its place, which has 0; with a 95% interval over prompts."""

    points: float
    low: float
    high: float


def bradley_terry(wins: Array, *, ties_added: float = 0.0) -> Array:
    """Log-strengths whose mean is 0. `wins[…, i, j]`: how often i was preferred to j, a tie being half of each.

    P(i over j) = e^(s_i) / (e^(s_i) + e^(s_j)), fitted by maximum likelihood with the MM algorithm of Hunter (2004),
    "MM algorithms for generalized Bradley–Terry models", Annals of Statistics 32(1). Leading axes are separate fits.
    With `ties_added` of 0 everybody must have won and lost, directly or by way of others (Ford 1957): else there is no
    maximum.
    """
    met = (wins + np.swapaxes(wins, -1, -2)) > 0
    counted = wins + ties_added * met
    games = counted + np.swapaxes(counted, -1, -2)
    won = counted.sum(axis=-1)
    strengths = np.ones(won.shape)
    for _ in range(ROUNDS):
        expected = (games / (strengths[..., :, None] + strengths[..., None, :])).sum(axis=-1)
        new = won / np.where(expected > 0, expected, 1)
        new = new / np.exp(np.log(np.maximum(new, 1e-300)).mean(axis=-1, keepdims=True))
        moved = np.abs(np.log(np.maximum(new, 1e-300) / np.maximum(strengths, 1e-300))).max()
        strengths = new
        if moved < NEAR_ENOUGH:
            break
    logarithms: Array = np.log(np.maximum(strengths, 1e-300))
    return logarithms


def strengths_of(by_prompt: Array, *, beside: int, samples: int = SAMPLES, seed: int = 0) -> list[Strength] | None:
    """Of each model, in Elo points above the one at the place `beside`. None: not enough data.

    `by_prompt[p, i, j]`: the share of prompt p's rankings that prefer i to j, ties half. The intervals are percentiles
    of a bootstrap that draws whole prompts, since all comparisons of one prompt hang together.
    """
    prompts, models, _others = by_prompt.shape
    if prompts < FEWEST_PROMPTS or models < 2:
        return None
    times = np.random.default_rng(seed).multinomial(prompts, np.full(prompts, 1 / prompts), size=samples)
    drawn = (times @ by_prompt.reshape(prompts, -1)).reshape(samples, models, models)
    fitted = bradley_terry(np.concatenate([by_prompt.sum(axis=0)[None], drawn]), ties_added=ONE_TIE)
    points = ELO * (fitted - fitted[:, [beside]])
    low, high = np.quantile(points[1:], widened(prompts), axis=0)
    return [
        Strength(points=float(points[0, place]), low=float(low[place]), high=float(high[place]))
        for place in range(models)
    ]
