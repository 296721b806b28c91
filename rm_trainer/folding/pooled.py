"""The figures of all folds together. Pure maths."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from rm_trainer.evaluation.bootstrap import RESAMPLES, interval, places, resampled, sums
from rm_trainer.evaluation.ceiling import ceiling
from rm_trainer.evaluation.metrics import Outcome, summarise

Folds = Sequence[Sequence[Outcome]]


def pooled(own: Folds, held_out: Folds, *, samples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """`own`, `held_out`: every fold's outcomes as one, where a ranking of the valid split is held out once and own in
    each of the other folds. `difference`: own − held out in pair accuracy, prompts drawn for both together.
    `between_folds`: mean and standard error of the folds' own accuracies, as InstructGPT gives them. `ceiling`: how far
    labelers agree with each other on these very rankings.
    """
    everything = {"own": list(chain(*own)), "held_out": list(chain(*held_out))}
    return {
        **{
            name: summarise(outcomes, bootstrap_samples=samples, seed=seed) if outcomes else None
            for name, outcomes in everything.items()
        },
        "difference": _difference(everything["own"], everything["held_out"], samples=samples, seed=seed),
        "between_folds": {"own": _between(own), "held_out": _between(held_out)},
        "ceiling": ceiling(everything["held_out"], samples=RESAMPLES, seed=seed),
    }


def _difference(
    own: Sequence[Outcome], held_out: Sequence[Outcome], *, samples: int, seed: int
) -> dict[str, Any] | None:
    if not own or not held_out:
        return None
    both = [(one, 1.0) for one in own] + [(one, 0.0) for one in held_out]
    pairs, correct = np.array([(one.pairs, one.correct) for one, _ in both], dtype=float).T
    mine = np.array([side for _, side in both])
    columns = (correct * mine, pairs * mine, correct * (1 - mine), pairs * (1 - mine))
    per_prompt = sums(places([one.prompt_id for one, _ in both]), *columns)
    with np.errstate(invalid="ignore"):
        total = per_prompt.sum(axis=0)
        drawn = resampled(per_prompt, samples=samples, seed=seed)
        differences = drawn[:, 0] / drawn[:, 1] - drawn[:, 2] / drawn[:, 3]
    return {"pair_accuracy": float(total[0] / total[1] - total[2] / total[3]), "interval": interval(differences)}


def _between(folds: Folds) -> dict[str, Any]:
    shares = [sum(one.correct for one in fold) / sum(one.pairs for one in fold) for fold in folds if fold]
    error = float(np.std(shares, ddof=1) / len(shares) ** 0.5) if len(shares) > 1 else None
    return {"folds": len(shares), "mean": float(np.mean(shares)) if shares else None, "standard_error": error}
