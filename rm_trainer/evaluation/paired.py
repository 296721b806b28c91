"""Two models on the same rankings: is the new one better, and how sure is that. Pure maths."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lm.errors import Refused
from rm_trainer.evaluation.bootstrap import draws, interval
from rm_trainer.evaluation.figures import Comparison
from rm_trainer.evaluation.metrics import Outcome

SAMPLES = 10_000
"""Draws of the bootstrap: a bound at 95% then moves by about 2% of the interval's width from seed to seed."""


def compare(
    new: Sequence[Outcome], current: Sequence[Outcome] | None, *, confidence: float = 0.95, seed: int = 0
) -> Comparison:
    """Difference, new − current, in the pair accuracy of each prompt averaged over prompts, by a paired bootstrap.

    Whole prompts are drawn, for both models together: a prompt that is hard for one is hard for the other, so the
    interval of the difference is much narrower than the two models' own. `current` None: chance, which has half of
    every prompt's pairs right.

    * `lower`: one-sided, the difference is above it with `confidence`. `interval`: two-sided, 95%.
    * `probability_better`: the share of draws in which the new one is ahead.
    * `pair_difference`: the same difference over all pairs, where prompts with more completions weigh more.

    Rankings that only one of the two could read whole (usable.py) are left out and counted. Raises Refused when none
    is left.
    """
    judged = len(new)
    if current is not None:
        new, current = _judged_by_both(new, current)
    names, prompt = np.unique([one.prompt_id for one in new], return_inverse=True)
    pairs = np.bincount(prompt, weights=[one.pairs for one in new])  # [prompts]
    right = np.bincount(prompt, weights=[one.correct for one in new])
    before = pairs / 2 if current is None else np.bincount(prompt, weights=[one.correct for one in current])
    gain = (right - before) / pairs
    drawn = _means(gain, seed)
    return {
        "rankings": len(new),
        "prompts": len(names),
        "pairs": int(pairs.sum()),
        "new": float((right / pairs).mean()),
        "current": float((before / pairs).mean()),
        "difference": float(gain.mean()),
        "confidence": confidence,
        "lower": float(np.quantile(drawn, 1 - confidence)),
        "interval": interval(drawn),
        "probability_better": float((drawn > 0).mean()),
        "pair_difference": float((right - before).sum() / pairs.sum()),
        "samples": SAMPLES,
        "seed": seed,
        "left_out": judged - len(new),
    }


def _means(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """[SAMPLES]: the mean of each draw."""
    return np.concatenate([values[drawn].mean(axis=1) for drawn in draws(len(values), samples=SAMPLES, seed=seed)])


def _judged_by_both(new: Sequence[Outcome], current: Sequence[Outcome]) -> tuple[Sequence[Outcome], Sequence[Outcome]]:
    """The rankings of which both scored the same completions, in one order."""
    theirs = {_judged(one): one for one in current}
    both = [one for one in new if _judged(one) in theirs]
    if not both:
        raise Refused(
            "The two models were measured on different rankings. Evaluate both on the same snapshot and split."
        )
    return both, [theirs[_judged(one)] for one in both]


def _judged(one: Outcome) -> tuple[int, ...]:
    return (one.ranking_id, *one.completion_ids)
