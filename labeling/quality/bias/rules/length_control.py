"""How often one of two sources of completions is preferred, once their lengths are taken out of it. Pure.

Stiennon et al. (2020), appendix F: a logistic regression of the preference on the source and the logarithm of the
ratio of lengths, read at equal lengths.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labeling.quality.agreement.rules.intervals import Z
from lm.snapshot.records.constants import FEWEST_PAIRS

Outcome = tuple[bool, int, int]
"""(the first one is preferred, its length, the other one's length)."""
STEPS = 25


@dataclass(frozen=True, kw_only=True)
class Controlled:
    """`at_equal_length`: how often the first is preferred, with its 95% interval. `length_effect`: the change in
    log-odds per factor e of length; `plain`: without the lengths."""

    plain: float
    at_equal_length: float
    low: float
    high: float
    length_effect: float
    pairs: int


def controlled(outcomes: Sequence[Outcome]) -> Controlled | None:
    """None: not enough data, or lengths tell all preferences, so that nothing is left to read."""
    if len(outcomes) < FEWEST_PAIRS:
        return None
    won = np.array([each[0] for each in outcomes], dtype=float)
    ratio = np.array([math.log(max(1, mine) / max(1, other)) for _, mine, other in outcomes])
    given = np.column_stack([np.ones(len(won)), ratio])
    if not 0 < won.mean() < 1 or not ratio.std():
        return None
    weights = np.zeros(2)
    for _ in range(STEPS):  # Newton's method
        expected = 1 / (1 + np.exp(-np.clip(given @ weights, -30, 30)))
        information = (given.T * (expected * (1 - expected))) @ given
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, given.T @ (won - expected))
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    else:
        return None
    error = math.sqrt(float(np.linalg.inv(information)[0, 0]))
    middle, low, high = (1 / (1 + math.exp(-float(weights[0]) - side * Z * error)) for side in (0, -1, 1))
    return Controlled(
        plain=float(won.mean()), at_equal_length=middle, low=low, high=high, length_effect=float(weights[1]),
        pairs=len(outcomes),
    )  # fmt: skip
