"""A model's linear layers as few rows are multiplied fastest: layers that read the same input in one product, and on a
processor weights laid out once.

A decoding step multiplies a handful of rows by every weight, so it costs what reading the weights costs, and on a GPU
what its small kernels cost. oneDNN reads weights in its own order; given PyTorch's, it takes up to twice as long.
Values differ by rounding alone.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lm.fused_rms_norm import fix_rms_norms

SAME_INPUT = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
"""Linear layers by their names in one module, which calls them one after the other with the same tensor."""
ROWS = 16
"""For how many rows oneDNN chooses the order; it is right for any."""


def pack_layers(model: nn.Module) -> None:
    """Replaces the linear layers in place, on a GPU and on a processor that oneDNN packs its precision for, and fixes
    the norms (lm/fused_rms_norm.py).

    The weights as they were are let go of, but for those that an embedding shares: the model can sample and no longer
    be trained or saved.
    """
    fix_rms_norms(model)
    weights = [module.weight for module in model.modules() if type(module) is nn.Linear]
    on_gpu = bool(weights) and weights[0].device.type == "cuda"
    if not weights or not (on_gpu or _can_pack(weights[0])):
        return
    together = _joined if on_gpu else _Packed
    for module in list(model.modules()):
        for names in SAME_INPUT:
            layers = [getattr(module, name, None) for name in names]
            if all(type(layer) is nn.Linear for layer in layers):
                sizes = [layer.out_features for layer in layers]  # type: ignore[union-attr]  # the line above
                whole = _Together(together(layers), sizes)  # type: ignore[arg-type]
                for index, name in enumerate(names):
                    setattr(module, name, _Part(whole, index))
    for module in list(model.modules()):
        for name, layer in list(module.named_children()):
            if type(layer) is nn.Linear and not on_gpu:
                setattr(module, name, _Packed([layer]))


def _joined(layers: Sequence[nn.Linear]) -> nn.Linear:
    """Layers below each other: [T, in] → [T, sum of their outs]."""
    first = layers[0]
    with torch.device("meta"):
        joined = nn.Linear(first.in_features, sum(one.out_features for one in layers), bias=first.bias is not None)
    joined.weight = nn.Parameter(torch.cat([one.weight.detach() for one in layers]), requires_grad=False)
    if first.bias is not None:
        joined.bias = nn.Parameter(torch.cat([one.bias.detach() for one in layers]), requires_grad=False)
    return joined


def _can_pack(weight: Tensor) -> bool:
    if weight.device.type != "cpu" or not torch._C._has_mkldnn:  # noqa: SLF001  what torch.backends asks
        return False
    try:
        _packed(torch.zeros((16, 16), dtype=weight.dtype))
    except RuntimeError:  # bfloat16 on a processor without instructions for it
        return False
    return True


def _packed(weight: Tensor) -> Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), ROWS)  # type: ignore[no-any-return]  # noqa: SLF001  it has no public name


class _Packed(nn.Module):
    """Linear layers below each other: [T, in] → [T, sum of their outs]."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self._weight = _packed(torch.cat([layer.weight for layer in layers]))  # no parameter: nothing may move it
        biases = [layer.bias for layer in layers]
        self._bias = None if biases[0] is None else torch.cat([bias.detach() for bias in biases])

    def forward(self, hidden: Tensor) -> Tensor:
        product: Any = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001
        return product(hidden, self._weight, self._bias, "none", [], "")  # type: ignore[no-any-return]


class _Together:
    """Layers of the same input: the first that is asked computes for all."""

    def __init__(self, layer: nn.Module, sizes: Sequence[int]) -> None:
        self._layer = layer
        self._sizes = list(sizes)
        self._input: Tensor | None = None
        self._outputs: tuple[Tensor, ...] = ()

    def part(self, index: int, hidden: Tensor) -> Tensor:
        if self._input is not hidden:
            self._input, self._outputs = hidden, self._layer(hidden).split(self._sizes, dim=-1)
        output = self._outputs[index]
        if index == len(self._sizes) - 1:
            self._input, self._outputs = None, ()
        return output


class _Part(nn.Module):
    def __init__(self, together: _Together, index: int) -> None:
        super().__init__()
        self._together = together
        self._index = index

    def forward(self, hidden: Tensor) -> Tensor:
        return self._together.part(self._index, hidden)
