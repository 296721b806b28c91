"""Whether a reward model knows how sure it may be. Pure maths."""

import numpy as np

from rm_trainer.evaluation.bootstrap import RESAMPLES, Floats, interval, resampled, sums
from rm_trainer.evaluation.comparisons import Comparisons
from rm_trainer.evaluation.figures import Calibration, CalibrationBin

BINS = 10
TEMPERATURES = np.geomspace(0.05, 20, 300)


def calibration(pairs: Comparisons, *, samples: int = RESAMPLES, seed: int = 0) -> Calibration:
    """Whether σ(|margin|) is the share of right pairs (Bai et al. 2022, §4.1).

    `bins`: pairs by the predicted probability of the completion the model prefers, from 0.5 to 1. `ece`: mean over
    pairs of the distance between probability and share right; of a perfect model it is not 0 but what chance makes of
    so few pairs. `temperature`: the T for which margins / T have the least log loss, between 1/20 and 20, to about one
    per cent; over 1 the model is too sure of itself, and an end means that there is no best one.
    """
    probability = 1 / (1 + np.exp(-np.abs(pairs.margin)))
    bins = np.minimum(((probability - 0.5) * 2 * BINS).astype(int), BINS - 1)
    inside = (bins[:, None] == np.arange(BINS)).astype(float)  # [P, BINS]
    columns = np.hstack([inside, inside * probability[:, None], inside * pairs.right[:, None]])
    per_prompt = sums(pairs.prompt, *columns.T)
    totals, drawn = per_prompt.sum(axis=0), resampled(per_prompt, samples=samples, seed=seed)
    heat, heat_interval = temperature(pairs, samples=samples, seed=seed)
    return {
        "ece": float(_ece(totals)),
        "ece_interval": interval(_ece(drawn)),
        "bins": _rows(totals, drawn),
        "temperature": heat,
        "temperature_interval": heat_interval,
    }


def temperature(pairs: Comparisons, *, samples: int = RESAMPLES, seed: int = 0) -> tuple[float, list[float] | None]:
    # One column at a time: all of them by pair would be 300 numbers a pair.
    costs = np.hstack(
        [sums(pairs.prompt, np.logaddexp(0, -pairs.margin / one)) for one in TEMPERATURES]
    )  # [prompts, T]
    drawn = TEMPERATURES[resampled(costs, samples=samples, seed=seed).argmin(axis=1)]
    return float(TEMPERATURES[costs.sum(axis=0).argmin()]), interval(drawn)


def _ece(totals: Floats) -> Floats:
    """[…, 3 · BINS] → […]."""
    count, probability, right = np.split(totals, 3, axis=-1)
    gaps: Floats = np.abs(probability - right).sum(axis=-1) / count.sum(axis=-1)
    return gaps


def _rows(totals: Floats, drawn: Floats) -> list[CalibrationBin]:
    count, probability, right = np.split(totals, 3)
    drawn_count, _, drawn_right = np.split(drawn, 3, axis=1)
    with np.errstate(invalid="ignore"):
        accuracies = drawn_right / drawn_count  # NaN in draws without a pair of the bin
    return [
        {
            "pairs": int(count[one]),
            "probability": float(probability[one] / count[one]),
            "accuracy": float(right[one] / count[one]),
            "accuracy_interval": interval(accuracies[:, one]),
        }
        for one in range(BINS)
        if count[one]
    ]
