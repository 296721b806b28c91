"""AdamW over what is trained, and its learning rate."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT
from transformers import PreTrainedModel

from lm.errors import Refused
from lm.training.arguments import TrainingArguments
from lm.training.schedule import learning_rate


def make_optimizer(model: PreTrainedModel, arguments: TrainingArguments) -> torch.optim.Optimizer:
    """Returns AdamW over what is trained; frozen parameters get no state. Raises Refused."""
    return optimizer_of(trainable(model), arguments)


def optimizer_of(parameters: ParamsT, arguments: TrainingArguments) -> torch.optim.Optimizer:
    """Returns AdamW over parameters, or groups of them with rates of their own. Raises Refused.

    `adamw8bit`: moments quantised in blocks of 256 (Dettmers et al. 2022, arXiv 2110.02861), small tensors excepted.
    """
    return _kind(arguments.optimizer)(
        parameters,
        lr=arguments.learning_rate,
        betas=(arguments.beta1, arguments.beta2),
        eps=arguments.adam_epsilon,
        weight_decay=arguments.weight_decay,
    )


def set_learning_rate(
    optimizer: torch.optim.Optimizer, arguments: TrainingArguments, *, step: int, steps: int
) -> float:
    """Sets and returns the rate of a step, from 1, after the run's schedule."""
    rate = learning_rate(
        step=step,
        steps=steps,
        peak=arguments.learning_rate,
        final_fraction=arguments.final_learning_rate_fraction,
        warmup_steps=arguments.warmup_steps,
    )
    for group in optimizer.param_groups:
        set_rate(group, rate)
    return rate


def set_rate(group: dict[str, Any], rate: float) -> None:
    """Sets the rate of one of an optimizer's groups."""
    if isinstance(group["lr"], Tensor):  # torchao compiles with it, so the tensor stays the same
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def trainable(model: PreTrainedModel) -> list[torch.nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _kind(name: str) -> Callable[..., torch.optim.Optimizer]:
    if name == "adamw":
        return partial(torch.optim.AdamW, fused=True)
    try:
        from torchao.optim import AdamW8bit  # noqa: PLC0415  (seconds to import, and only asked for on large models)
    except ImportError as missing:
        raise Refused("--optimizer adamw8bit needs the package torchao: pip install torchao==0.18.0.") from missing
    return cast("Callable[..., torch.optim.Optimizer]", AdamW8bit)
