"""The same figures for parts of a split: kinds of prompts, lengths, policies, labelers, strengths. Pure maths."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rm_trainer.evaluation.bootstrap import RESAMPLES
from rm_trainer.evaluation.comparisons import Comparisons
from rm_trainer.evaluation.figures import Summary
from rm_trainer.evaluation.metrics import Outcome, summarise

UNKNOWN = "unknown"

PARTS: dict[str, Callable[[Outcome], str]] = {
    "completions": lambda one: str(len(one.rewards)),
    "use_case": lambda one: one.use_case or UNKNOWN,
    "language": lambda one: one.language or UNKNOWN,
    "policy": lambda one: ", ".join(sorted(set(one.policies))) or UNKNOWN,
    "labeler": lambda one: one.labeler or UNKNOWN,
}


def slices(
    outcomes: Sequence[Outcome], pairs: Comparisons, *, samples: int = RESAMPLES, seed: int = 0
) -> dict[str, dict[str, Summary]]:
    """`metrics.summarise` of each part by its name.

    `length`: quartile of the longest completion's sequence among the split's rankings, "1" the shortest. `strength`:
    of the pairs whose labeler was asked how much better, 1 negligibly to 4 significantly (Llama 2, Table 8), or
    "edited"; `rank_distance`: of the others, how many ranks lie between the two, "1" for neighbours.
    """
    by_ranking = {name: np.array([part(one) for one in outcomes]) for name, part in PARTS.items()}
    by_ranking["length"] = _quartiles(outcomes)
    asked = pairs.strength != ""
    by_pair = {
        "strength": np.where(asked, pairs.strength, ""),
        "rank_distance": np.where(asked, "", pairs.distance.astype(str)),
    }
    names_of_pairs = {name: names[pairs.ranking] for name, names in by_ranking.items()} | by_pair
    return {
        name: {
            value: summarise(_narrowed(outcomes, pairs, names == value), bootstrap_samples=samples, seed=seed)
            for value in sorted({str(one) for one in names} - {""}, key=_in_order)
        }
        for name, names in names_of_pairs.items()
    }


def _narrowed(outcomes: Sequence[Outcome], pairs: Comparisons, chosen: NDArray[np.bool_]) -> list[Outcome]:
    """The outcomes that have a chosen pair, each with the sums of those alone."""
    place, margin = pairs.ranking[chosen], pairs.margin[chosen]
    count, size = np.bincount(place, minlength=len(outcomes)), len(outcomes)
    correct = np.bincount(place, weights=pairs.right[chosen], minlength=size)
    cost = np.bincount(place, weights=np.logaddexp(0, -margin), minlength=size)
    return [
        replace(outcomes[one], pairs=int(count[one]), correct=float(correct[one]), log_loss=float(cost[one]))
        for one in map(int, np.flatnonzero(count))
    ]


def _quartiles(outcomes: Sequence[Outcome]) -> NDArray[np.str_]:
    longest = [max(one.tokens) for one in outcomes]
    bounds = np.quantile(longest, [0.25, 0.5, 0.75])
    return (1 + np.searchsorted(bounds, longest)).astype(str)


def _in_order(name: str) -> tuple[int, str]:
    """Numbers by their size, then words, what isn't known last."""
    if name.isdecimal():
        return int(name), ""
    return (2**31, name) if name == UNKNOWN else (2**30, name)
