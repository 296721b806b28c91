"""What an evaluation says of its candidate. Pure."""

from collections.abc import Sequence
from typing import TypedDict

from labeling.base.states import Verdict
from labeling.evaluations.rules.planning import Rule
from labeling.evaluations.rules.sequential import bounds_of

NEAR = 1e-9
"""Bounds stand on a grid; so near is the same."""


class Decision(TypedDict):
    """By what was decided, as Evaluation.decision keeps it. Rates are shares; `low` and `high` hold at all times at
    once, each with the confidence. `ties`: prompts on which neither was preferred.
    """

    verdict: str
    win_rate: float | None
    low: float
    high: float
    needed: float
    confidence: float
    prompts: int
    ties: int


def decide(scores: Sequence[float], rule: Rule, *, complete: bool) -> Decision:
    """`scores`: of the candidate against the baseline, one a prompt. `complete`: no more will come.

    PASSED as soon as the rate is known to be above 1/2 − margin, FAILED as soon as it is known to be below that,
    UNDECIDED where all is judged and neither holds, "" while it goes on.
    """
    bounds = bounds_of(scores, confidence=rule.confidence, difference=rule.difference)
    verdict: str = Verdict.UNDECIDED if complete else ""
    if bounds.low >= rule.null - NEAR:  # the rate is above `low` itself
        verdict = Verdict.PASSED
    elif bounds.high <= rule.null + NEAR:
        verdict = Verdict.FAILED
    return Decision(
        verdict=verdict,
        win_rate=sum(scores) / len(scores) if scores else None,
        low=bounds.low,
        high=bounds.high,
        needed=rule.null,
        confidence=rule.confidence,
        prompts=len(scores),
        ties=sum(score == 0.5 for score in scores),
    )
