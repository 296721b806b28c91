"""The exponential moving average of the weights, which is what is measured and kept (InstructGPT C.4: decay 0.992)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MovingAverage:
    """Of a module's trained parameters: average ← decay · average + (1 − decay) · weight after each update.

    It begins at the weights as they are. It is float32 whatever the weights are: in bfloat16 a step of 0.008 of a
    small change rounds away.
    """

    def __init__(self, module: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self._trained = {name: one for name, one in module.named_parameters() if one.requires_grad}
        self.averages: dict[str, Tensor] = {name: one.detach().float().clone() for name, one in self._trained.items()}

    @torch.no_grad()
    def update(self) -> None:
        for name, weight in self._trained.items():
            self.averages[name].lerp_(weight.detach().float(), 1 - self.decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside it the module computes with the averages; its own weights come back after it, bit by bit."""
        own = {name: weight.detach().clone() for name, weight in self._trained.items()}
        self._set(self.averages)
        try:
            yield
        finally:
            self._set(own)

    @torch.no_grad()
    def _set(self, values: dict[str, Tensor]) -> None:
        for name, weight in self._trained.items():
            weight.copy_(values[name])
