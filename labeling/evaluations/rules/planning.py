"""How many prompts an evaluation needs, before it begins. Pure.

The question is whether the win rate p of the candidate against the baseline is above 1/2 − margin: 0 asks whether it is
better, 0.05 whether it is not worse by more than five points (non-inferiority). It is planned for the case that p is
1/2 + gain, so that there is a difference of gain + margin to be found.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

from labeling.evaluations.rules.sequential import PLANNED_SHARE

VARIANCE = 0.25
"""Of one prompt's score: a win is 1, a tie 1/2, a loss 0. Ties, and several rankings of a prompt, only lessen it."""
MOST_PROMPTS = 1_000_000
NORMAL = NormalDist()


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What is to be shown. All are shares from 0 to 1."""

    margin: float
    confidence: float
    gain: float
    power: float

    @property
    def null(self) -> float:
        """The win rate that the candidate's has to be above."""
        return 0.5 - self.margin

    @property
    def difference(self) -> float:
        """Between that and the win rate that is planned for."""
        return self.gain + self.margin


def prompts_for_one_look(rule: Rule) -> int:
    """Prompts for a test that looks once, at the end: n = (z_confidence + z_power)² · variance / difference².

    Chow, Shao & Wang (2008), Sample Size Calculations in Clinical Research, section 4.1.2 (one proportion, normal
    approximation). With 95%, 80% and 10 points these are 155.
    """
    quantiles = NORMAL.inv_cdf(rule.confidence) + NORMAL.inv_cdf(rule.power)
    return math.ceil(quantiles**2 * VARIANCE / rule.difference**2)


def power_of(rule: Rule, prompts: int) -> float:
    """The chance that `prompts` or fewer are enough, where one looks after each of them (sequential.py).

    The logarithm of the money on the planned bet is about a Brownian motion that drifts by d²/2 a prompt with variance
    d², d = difference / √variance. It has to reach b = log(1 / (α · PLANNED_SHARE)); the chance that it does so by n is
    Φ((n d²/2 − b) / (d √n)) + e^b Φ((−n d²/2 − b) / (d √n)): the inverse Gaussian distribution (Wald 1947; Siegmund
    1985, Sequential Analysis, chapter III).
    """
    if not prompts:
        return 0.0
    barrier = -math.log((1 - rule.confidence) * PLANNED_SHARE)
    drift = prompts * rule.difference**2 / VARIANCE / 2
    spread = math.sqrt(2 * drift)
    above = NORMAL.cdf((drift - barrier) / spread)
    return min(1.0, above + math.exp(barrier) * NORMAL.cdf((-drift - barrier) / spread))


def prompts_needed(rule: Rule) -> int:
    """The fewest prompts with the power that the rule asks for; at most MOST_PROMPTS."""
    low, high = 0, 1
    while power_of(rule, high) < rule.power:
        low, high = high, 2 * high
        if high > MOST_PROMPTS:
            return MOST_PROMPTS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(rule, middle) >= rule.power else (middle, high)
    return high


def gain_found_by(rule: Rule, prompts: int) -> float:
    """The smallest gain that so many prompts show with the rule's power; 1/2 where they show none."""
    low, high = -rule.margin, 0.5
    for _ in range(30):
        middle = (low + high) / 2
        changed = Rule(margin=rule.margin, confidence=rule.confidence, gain=middle, power=rule.power)
        low, high = (low, middle) if power_of(changed, prompts) >= rule.power else (middle, high)
    return high
