"""What stands behind an accuracy, ready for metrics.json. Pure maths."""

from collections.abc import Sequence

from rm_trainer.evaluation.best_of_n import best_of_n
from rm_trainer.evaluation.bootstrap import RESAMPLES
from rm_trainer.evaluation.calibration import calibration
from rm_trainer.evaluation.ceiling import ceiling
from rm_trainer.evaluation.comparisons import comparisons_of
from rm_trainer.evaluation.figures import Analysis
from rm_trainer.evaluation.length import length
from rm_trainer.evaluation.metrics import Outcome
from rm_trainer.evaluation.slices import slices


def analyse(outcomes: Sequence[Outcome], *, samples: int = RESAMPLES, seed: int = 0) -> Analysis:
    """Analyses at least one outcome, each with at least one pair. All intervals are 95% and draw whole prompts."""
    pairs = comparisons_of(outcomes)
    return {
        "calibration": calibration(pairs, samples=samples, seed=seed),
        "length": length(outcomes, pairs, samples=samples, seed=seed),
        "ceiling": ceiling(outcomes, samples=samples, seed=seed),
        "best_of_n": best_of_n(outcomes, samples=samples, seed=seed),
        "parts": slices(outcomes, pairs, samples=samples, seed=seed),
    }
