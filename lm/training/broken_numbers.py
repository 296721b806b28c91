"""Numbers of a step that end the run before they touch a weight."""

from collections.abc import Sequence
from math import log
from statistics import median

import torch
from torch import Tensor

from lm.errors import Failed


def refuse_broken_numbers(
    step: int, ids: Sequence[int | str], loss: float, norm: Tensor, *, of: str = "rankings"
) -> None:
    """Raises Failed, naming the batch's items by their ids, when the loss or the gradient isn't finite. `of`: what
    the items are.
    """
    if torch.tensor(loss).isfinite() and norm.isfinite():
        return
    raise Failed(
        f"Step {step}: the loss is {loss} and its gradient's norm {float(norm)}. Nothing was written. "
        f"The {of} of this batch: {_listed(ids)}. A lower --learning-rate or --dtype float32 may help."
    )


def refuse_spike(
    step: int, ids: Sequence[int | str], loss: float, earlier: Sequence[float], factor: float, *, of: str = "rankings"
) -> None:
    """Raises Failed, naming the batch's items, when the loss is over `factor` times what was usual; 0 never does.

    Usual is the median of the last 20 steps' losses, or log 2 if that is more: what a reward model without any opinion
    costs, and less than any language model does.
    """
    usual = max(log(2), median(earlier[-20:] or [0.0]))
    if not factor or loss <= factor * usual:
        return
    raise Failed(
        f"Step {step}: the loss jumped to {loss:.3f}; {usual:.3f} was usual. Nothing was written. The {of} of this "
        f"batch: {_listed(ids)}. Look at them, lower --learning-rate, or raise --spike-factor."
    )


def _listed(ids: Sequence[int | str]) -> str:
    return ", ".join(map(str, ids))
