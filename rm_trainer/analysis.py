"""What stands behind an accuracy: calibration, kinds of prompts, and how much of it is length. Pure maths.

A comparison is one usable pair: its margin r_chosen − r_rejected and its completions' lengths in tokens.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rm_trainer.metrics import Outcome, summarise

Floats = NDArray[np.float64]
BINS = 10
RESAMPLES = 200
"""For the parts' intervals, of which there are many; the whole split's have 1,000."""


def analyse(outcomes: Sequence[Outcome], *, seed: int = 0) -> dict[str, Any]:
    """Ready for metrics.json; of at least one outcome, each with at least one pair."""
    comparisons = np.concatenate([comparisons_of(one) for one in outcomes])  # [P, 3]
    margins, chosen, rejected = comparisons.T
    return {
        "calibration": calibration(margins),
        "length": length(outcomes, margins, chosen, rejected),
        "parts": {name: parts(outcomes, part, seed=seed) for name, part in PARTS.items()}
        | {"prompt_length": parts(outcomes, _quartile(outcomes), seed=seed)},
    }


def comparisons_of(outcome: Outcome) -> Floats:
    """[P, 3]: margin, tokens of the chosen and of the rejected completion of every usable pair."""
    ranks, rewards, tokens = (np.asarray(one, dtype=float) for one in (outcome.ranks, outcome.rewards, outcome.tokens))
    chosen, rejected = np.nonzero(ranks[:, None] < ranks[None, :])
    return np.stack([rewards[chosen] - rewards[rejected], tokens[chosen], tokens[rejected]], axis=1)


def calibration(margins: Floats) -> dict[str, Any]:
    """Whether σ(|margin|) is the share of right pairs (Bai et al. 2022, §4.1).

    `bins`: pairs by the predicted probability of the completion the model prefers, from 0.5 to 1. `ece`: mean over
    pairs of the distance between probability and share right. `temperature`: the T for which margins / T have the
    least log loss; over 1 the model is too sure of itself.
    """
    probability, right = 1 / (1 + np.exp(-np.abs(margins))), np.where(margins == 0, 0.5, margins > 0)
    bins = np.minimum(((probability - 0.5) * 2 * BINS).astype(int), BINS - 1)
    rows = [
        {"pairs": int(one.sum()), "probability": float(probability[one].mean()), "accuracy": float(right[one].mean())}
        for one in (bins == number for number in range(BINS))
        if one.any()
    ]
    gaps = [row["pairs"] * abs(row["probability"] - row["accuracy"]) for row in rows]
    return {"ece": sum(gaps) / len(margins), "bins": rows, "temperature": temperature(margins)}


def temperature(margins: Floats) -> float:
    """Between 1/20 and 20, to about one per cent; an end means that there is no best one."""
    candidates = np.geomspace(0.05, 20, 600)
    costs = [np.logaddexp(0, -margins / one).mean() for one in candidates]
    return float(candidates[int(np.argmin(costs))])


def length(outcomes: Sequence[Outcome], margins: Floats, chosen: Floats, rejected: Floats) -> dict[str, float | None]:
    """How far the rewards follow length (Stiennon et al. 2020, §4.3; Singhal et al. 2023).

    `correlation`: mean over rankings of Pearson's r between reward and tokens. `shorter_won_accuracy`: on the pairs
    in which the labeler preferred the shorter completion. `longer_is_better_accuracy`: of a rule that sees only it.
    """
    shorter = chosen < rejected
    right = np.where(margins == 0, 0.5, margins > 0)
    correlations = [np.corrcoef(one.rewards, one.tokens)[0, 1] for one in outcomes if _vary(one.rewards, one.tokens)]
    return {
        "correlation": float(np.mean(correlations)) if correlations else None,
        "shorter_won_accuracy": float(right[shorter].mean()) if shorter.any() else None,
        "longer_is_better_accuracy": float(np.where(chosen == rejected, 0.5, chosen > rejected).mean()),
    }


def parts(outcomes: Sequence[Outcome], part: Callable[[Outcome], str], *, seed: int) -> dict[str, Any]:
    """`metrics.summarise` of each part of the rankings by its name."""
    names = sorted({part(one) for one in outcomes})
    return {
        name: summarise([one for one in outcomes if part(one) == name], bootstrap_samples=RESAMPLES, seed=seed)
        for name in names
    }


PARTS: dict[str, Callable[[Outcome], str]] = {
    "completions": lambda one: str(len(one.rewards)),
    "use_case": lambda one: one.use_case or "unknown",
    "language": lambda one: one.language or "unknown",
    "policy": lambda one: ", ".join(sorted(set(one.policies))) or "unknown",
}


def _quartile(outcomes: Sequence[Outcome]) -> Callable[[Outcome], str]:
    """Quartile of the longest completion's sequence among the split's rankings, "1" the shortest."""
    bounds = np.quantile([max(one.tokens) for one in outcomes], [0.25, 0.5, 0.75])
    return lambda one: str(1 + int(np.searchsorted(bounds, max(one.tokens))))


def _vary(*columns: Sequence[float]) -> bool:
    return all(len(set(one)) > 1 for one in columns)
