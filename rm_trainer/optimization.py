"""What a step needs beside the network and the loss: AdamW, its learning rate, and refusals of broken numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import log
from statistics import median
from typing import cast

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lm.errors import Failed, Refused
from lm.training.schedule import learning_rate
from rm_trainer.arguments import TrainArguments


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


def make_optimizer(model: PreTrainedModel, arguments: TrainArguments) -> torch.optim.Optimizer:
    """AdamW over what is trained; frozen parameters get no state.

    `adamw8bit`: moments quantised in blocks of 256 (Dettmers et al. 2022, arXiv 2110.02861), small tensors excepted.
    """
    return _kind(arguments.optimizer)(
        trainable(model),
        lr=arguments.learning_rate,
        betas=(arguments.beta1, arguments.beta2),
        eps=arguments.adam_epsilon,
        weight_decay=arguments.weight_decay,
    )


def _kind(name: str) -> Callable[..., torch.optim.Optimizer]:
    if name == "adamw":
        return partial(torch.optim.AdamW, fused=True)
    try:
        from torchao.optim import AdamW8bit  # noqa: PLC0415  (seconds to import, and only asked for on large models)
    except ImportError as missing:
        raise Refused("--optimizer adamw8bit needs the package torchao: pip install torchao==0.18.0.") from missing
    return cast("Callable[..., torch.optim.Optimizer]", AdamW8bit)


def set_learning_rate(optimizer: torch.optim.Optimizer, arguments: TrainArguments, *, step: int, steps: int) -> float:
    """Sets and returns the rate of a step, from 1, after the run's schedule."""
    rate = learning_rate(
        step=step,
        steps=steps,
        peak=arguments.learning_rate,
        final_fraction=arguments.final_learning_rate_fraction,
        warmup_steps=arguments.warmup_steps,
    )
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):  # torchao compiles with it, so the tensor stays the same
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
    return rate


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


def trainable(model: PreTrainedModel) -> list[torch.nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _listed(rankings: Sequence[int]) -> str:
    return ", ".join(map(str, rankings))
