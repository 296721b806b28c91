"""What a training step leaves, and the numbers of a step that end the run."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from statistics import median

import torch
from torch import Tensor

from lm.errors import Failed


@dataclass(frozen=True)
class StepResult:
    """One batch, measured before its step: its rankings' mean loss; `correct` of `pairs` pairs ordered rightly."""

    loss: float
    correct: float
    pairs: int
    computed_tokens: int = 0
    """That the layers computed, padding included."""
    tokens: int = 0
    """Of the batch's K full sequences each, as metrics.json counts them."""
    learning_rate: float = 0.0


def refuse_broken_numbers(step: int, rankings: Sequence[int], loss: float, norm: Tensor) -> None:
    """Raises Failed, naming the batch's rankings by their ids, when the loss or the gradient isn't finite."""
    if torch.tensor(loss).isfinite() and norm.isfinite():
        return
    raise Failed(
        f"Step {step}: the loss is {loss} and its gradient's norm {float(norm)}. Nothing was written. "
        f"The rankings of this batch: {_listed(rankings)}. A lower --learning-rate or --dtype float32 may help."
    )


def refuse_spike(step: int, rankings: Sequence[int], loss: float, earlier: Sequence[StepResult], factor: float) -> None:
    """Raises Failed, naming the batch's rankings, when the loss is over `factor` times what was usual; 0 never does.

    Usual is the median of the last 20 steps, or log 2 if that is more: what a model without any opinion costs.
    """
    usual = max(log(2), median([result.loss for result in earlier[-20:]] or [0.0]))
    if not factor or loss <= factor * usual:
        return
    raise Failed(
        f"Step {step}: the loss jumped to {loss:.3f}; {usual:.3f} was usual. Nothing was written. The rankings of this "
        f"batch: {_listed(rankings)}. Look at them, lower --learning-rate, or raise --spike-factor."
    )


def _listed(rankings: Sequence[int]) -> str:
    return ", ".join(map(str, rankings))
