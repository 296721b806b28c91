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
from transformers import PreTrainedModel
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm


def fuse_rms_norms(model: PreTrainedModel) -> PreTrainedModel:
    """Changes the norms that are known, in place; on other devices than a CPU they go on as the library has them."""
    for module in model.modules():
        fused = FUSED.get(type(module))
        if fused is not None:
            module.forward = MethodType(_on_cpu(fused, type(module).forward), module)
    return model


def fix_rms_norms(model: nn.Module) -> None:
    """Changes the norms that are known, in place, on a processor where weights stay as they are: what samples. Of each
    its scale is computed once. Llama's are rounded once, where the library rounds twice.
    """
    for module in model.modules():
        if type(module) in FUSED and module.weight.device.type == "cpu":
            module.forward = MethodType(_fixed(module), module)


def _fixed(module: Any) -> Callable[[nn.Module, Tensor], Tensor]:
    """y = x · s√d / √(Σx² + d·ε) with the scale s: what `_RootMeanSquare` computes, in the fewest steps."""
    weight = module.weight.detach().float()
    is_gemma = type(module) is Gemma3RMSNorm
    size = len(weight)
    scale = (weight + 1.0 if is_gemma else weight) * size**0.5
    epsilon = torch.tensor(size * (module.eps if is_gemma else module.variance_epsilon))

    def forward(_module: nn.Module, hidden: Tensor) -> Tensor:
        wide = hidden.float()
        length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        return (wide * torch.addcmul(epsilon, length, length).rsqrt_()).mul_(scale).to(hidden.dtype)

    return forward


def _on_cpu(
    fused: Callable[[Any, Tensor], Tensor], stock: Callable[[Any, Tensor], Tensor]
) -> Callable[[Any, Tensor], Tensor]:
    def forward(module: nn.Module, hidden: Tensor) -> Tensor:
        return fused(module, hidden) if hidden.device.type == "cpu" else stock(module, hidden)

    return forward


def _gemma(module: Gemma3RMSNorm, hidden: Tensor) -> Tensor:
    """Gemma keeps the scale's distance from 1 and multiplies before it rounds."""
    return _scaled(hidden, 1.0 + module.weight.float(), module.eps).to(hidden.dtype)


def _llama(module: LlamaRMSNorm | Qwen2RMSNorm, hidden: Tensor) -> Tensor:
    """Llama rounds to the input's precision before it multiplies, which matters only where that isn't float32."""
    if hidden.dtype is torch.float32:
        return _scaled(hidden, module.weight, module.variance_epsilon)
    stock: Callable[[Any, Tensor], Tensor] = type(module).forward
    return stock(module, hidden)


FUSED: dict[type[nn.Module], Callable[[Any, Tensor], Tensor]] = {
    Gemma3RMSNorm: _gemma,
    LlamaRMSNorm: _llama,
    Qwen2RMSNorm: _llama,
}


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
