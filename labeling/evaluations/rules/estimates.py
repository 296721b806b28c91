"""Means, and win rates without the lengths, with intervals over prompts. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.quality.agreement.rules.intervals import FEWEST_PROMPTS, RESAMPLES, Z, widened, wilson

NEWTON_STEPS = 30
SURELY_SEPARATED = 15.0
"""A weight beyond this grows for ever: lengths tell all preferences."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value with its 95% interval, which holds for one look."""

    value: float
    low: float
    high: float
    prompts: int


def mean_of(
    values: Sequence[float], *, lowest: float = 0.0, highest: float = 1.0, samples: int = RESAMPLES, seed: int = 0
) -> Estimate | None:
    """The mean of one value a prompt, on a scale, with a bootstrap's percentile interval over prompts, widened for few
    of them. None: not enough data.
    """
    if len(values) < FEWEST_PROMPTS:
        return None
    distinct, counts = np.unique(np.array(values, dtype=float), return_counts=True)
    # A draw of as many prompts as there are is a draw of how often each value comes up.
    times = np.random.default_rng(seed).multinomial(len(values), counts / len(values), size=samples)
    low, high = (float(bound) for bound in np.quantile(times @ distinct / len(values), widened(len(values))))
    value = float(counts @ distinct / len(values))
    if math.isclose(low, high, rel_tol=1e-9, abs_tol=1e-12):  # prompts that are all alike
        share = (value - lowest) / (highest - lowest)
        low, high = (lowest + bound * (highest - lowest) for bound in wilson(share, len(values)))
    return Estimate(value=value, low=low, high=high, prompts=len(values))


def length_controlled(scores: Sequence[float], longer_by: Sequence[float]) -> Estimate | None:
    """The win rate if all answers were of equal length. One score and one difference of lengths a prompt.

    AlpacaEval 2's length-controlled win rate (Dubois et al. 2024, "Length-Controlled AlpacaEval", section 3):
    logit P(win) = θ + φ · tanh(Δ / std(Δ)), read at Δ = 0, so it is 1 / (1 + e^−θ). Their third term, how hard a prompt
    is, needs many models and is left out. A tie is half a win. The interval goes by the sandwich estimator of θ's
    variance, prompts being independent. None: not enough data, all alike, or lengths tell all preferences.
    """
    won, delta = np.array(scores, dtype=float), np.array(longer_by, dtype=float)
    if len(won) < FEWEST_PROMPTS or not 0 < won.mean() < 1 or not delta.std():
        return None
    given = np.column_stack([np.ones(len(won)), np.tanh(delta / delta.std())])
    weights = _fitted(given, won)
    if weights is None:
        return None
    expected = _logistic(given @ weights)
    bread = np.linalg.inv((given.T * (expected * (1 - expected))) @ given)
    error = math.sqrt(float((bread @ ((given.T * (won - expected) ** 2) @ given) @ bread)[0, 0]))
    low, value, high = (float(_logistic(weights[0] + side * Z * error)) for side in (-1, 0, 1))
    return Estimate(value=value, low=low, high=high, prompts=len(won))


def _fitted(given: NDArray[np.float64], won: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Newton's method; None where there is no finite best."""
    weights = np.zeros(given.shape[1])
    for _ in range(NEWTON_STEPS):
        expected = _logistic(given @ weights)
        information = (given.T * (expected * (1 - expected))) @ given
        if np.linalg.cond(information) > 1e12 or np.abs(weights).max() > SURELY_SEPARATED:
            return None
        step = np.linalg.solve(information, given.T @ (won - expected))
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            return weights
    return None


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    squashed: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(x, -30, 30)))
    return squashed
