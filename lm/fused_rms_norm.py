"""Root-mean-square norms in one step each way, where the library takes six: a third of a small model's time on a CPU.

The library's norm writes a tensor for every operation and keeps most of them for the backward pass. Here the input and
one number a token are kept. Values differ from the library's by rounding only; the parameters stay where they are, so
a checkpoint is the same with and without.
"""

from collections.abc import Callable
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm
from transformers import PreTrainedModel
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm


def fuse_rms_norms(model: PreTrainedModel) -> PreTrainedModel:
    """Changes the norms that are known, in place; on other devices than a CPU they go on as the library has them."""
    for module in model.modules():
        if type(module) in FUSED:
            module.forward = MethodType(_on_cpu(type(module).forward), module)
    return model


def fix_rms_norms(model: nn.Module) -> None:
    """Changes the norms that are known, in place, where weights stay as they are: what samples. Of each its scale is
    computed once. Llama's are rounded once, where the library rounds twice.
    """
    for module in model.modules():
        if type(module) in FUSED:
            fixed = _fixed if module.weight.device.type == "cpu" else _in_one_kernel
            module.forward = MethodType(fixed(module), module)


def _fixed(module: Any) -> Callable[[nn.Module, Tensor], Tensor]:
    """y = x · s√d / √(Σx² + d·ε) with the scale s: what `_RootMeanSquare` computes, in the fewest steps."""
    scale, epsilon = FUSED[type(module)](module)
    size = len(scale)
    scale = scale.detach().float() * size**0.5
    smallest = torch.tensor(size * epsilon)

    def forward(_module: nn.Module, hidden: Tensor) -> Tensor:
        wide = hidden.float()
        length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        return (wide * torch.addcmul(smallest, length, length).rsqrt_()).mul_(scale).to(hidden.dtype)

    return forward


def _in_one_kernel(module: Any) -> Callable[[nn.Module, Tensor], Tensor]:
    """A GPU's, which wants the input in the scale's precision; the library's are eight."""
    scale, epsilon = FUSED[type(module)](module)
    scale = scale.detach()

    def forward(_module: nn.Module, hidden: Tensor) -> Tensor:
        return rms_norm(hidden.to(scale.dtype), scale.shape, scale, epsilon).to(hidden.dtype)

    return forward


def _on_cpu(stock: Callable[[Any, Tensor], Tensor]) -> Callable[[Any, Tensor], Tensor]:
    def forward(module: nn.Module, hidden: Tensor) -> Tensor:
        # In another precision than float32 Llama rounds before it multiplies; Gemma, and all in float32, after it.
        if hidden.device.type != "cpu" or not (hidden.dtype is torch.float32 or type(module) is Gemma3RMSNorm):
            return stock(module, hidden)
        return _scaled(hidden, *FUSED[type(module)](module)).to(hidden.dtype)

    return forward


def _gemma(module: Any) -> tuple[Tensor, float]:
    """Gemma keeps the scale's distance from 1."""
    return 1.0 + module.weight.float(), module.eps


def _llama(module: Any) -> tuple[Tensor, float]:
    return module.weight, module.variance_epsilon


FUSED: dict[type[nn.Module], Callable[[Any], tuple[Tensor, float]]] = {
    Gemma3RMSNorm: _gemma,
    LlamaRMSNorm: _llama,
    Qwen2RMSNorm: _llama,
}
"""Of each norm that is known: its scale [d] and its ε."""


def _scaled(hidden: Tensor, scale: Tensor, epsilon: float) -> Tensor:
    scaled: Tensor = _RootMeanSquare.apply(hidden, scale, epsilon)  # type: ignore[no-untyped-call]
    return scaled


class _RootMeanSquare(torch.autograd.Function):
    """y = x · r · s with r = (mean x² + ε)^(−½) a token: hidden [..., d], scale [d] → [..., d] float32.

    Backward, with n = x · r and g the gradient of y: of s it is Σ g · n over the tokens, and of x it is
    r · (g · s − n · mean(g · s · n)).
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, scale: Tensor, epsilon: float) -> Tensor:
        wide = hidden.float()
        square = torch.linalg.vector_norm(wide, dim=-1, keepdim=True).square_()
        inverse = square.div_(hidden.shape[-1]).add_(epsilon).rsqrt_()  # [..., 1]
        ctx.save_for_backward(hidden, inverse, scale)
        scaled: Tensor = (wide * inverse).mul_(scale)
        return scaled

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (gradient,) = gradients
        hidden, inverse, scale = ctx.saved_tensors
        normed = hidden.float() * inverse
        product = gradient * normed
        of_scale = product.flatten(0, -2).sum(dim=0) if ctx.needs_input_grad[1] else None
        if not ctx.needs_input_grad[0]:
            return None, of_scale, None
        shared = torch.mv(product.flatten(0, -2), scale).view_as(inverse).div_(hidden.shape[-1])
        of_hidden = normed.mul_(shared).neg_().addcmul_(gradient, scale).mul_(inverse)
        return of_hidden.to(hidden.dtype), of_scale, None
