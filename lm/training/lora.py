"""Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) on every linear map of the layers, by peft.

They are put into the model in place, so that whatever reads it (sharing, FSDP, checkpoints) sees the same backbone, and
are added into the weights before anything is measured or written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import torch
from torch import nn
from transformers import PreTrainedModel

from lm.errors import Refused
from lm.layers import heads, transformer_layers

if TYPE_CHECKING:
    from peft.tuners.lora import LoraLayer


def add_adapters(model: PreTrainedModel, *, rank: int, alpha: float, seed: int, train_heads: bool = True) -> None:
    """Leaves adapters to train, and with `train_heads` what stands above the backbone, and nothing else; with rank 0
    nothing happens. A language model's head is not for training: it may be its embeddings as well. Raises Refused.
    """
    if not rank:
        return
    from peft import LoraConfig, inject_adapter_in_model  # noqa: PLC0415  (seconds to import, for few runs)

    inside = {id(module) for layer in transformer_layers(model) for module in layer.modules()}
    targets = [name for name, module in model.named_modules() if isinstance(module, nn.Linear) and id(module) in inside]
    if not targets:
        raise Refused(f"{type(model).__name__} has no linear map that --lora-rank could adapt. Leave it out.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets), model)  # type: ignore[arg-type]
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)
    for adapted in _adapted(model):
        adapted.cast_input_dtype_enabled = False  # to the adapter's float32, which autocast would only round again
    for head in heads(model):
        head.requires_grad_(train_heads)
    nn.Module.eval(model)  # new modules are made for training


def has_adapters(model: nn.Module) -> bool:
    return any("lora_" in name for name, _ in model.named_parameters())


@contextmanager
def without_adapters(model: PreTrainedModel) -> Iterator[None]:
    """Inside it the layers compute as the base does, whose weights are there as they were: a reference for nothing."""
    adapted = _adapted(model)
    for module in adapted:
        module._disable_adapters = True  # noqa: SLF001  its own switch also decides what trains
    try:
        yield
    finally:
        for module in adapted:
            module._disable_adapters = False  # noqa: SLF001


def _adapted(model: nn.Module) -> "list[LoraLayer]":
    return [cast("LoraLayer", module) for module in model.modules() if hasattr(module, "lora_A")]


@torch.no_grad()
def merge_adapters(model: PreTrainedModel) -> None:
    """Adds the adapters, if there are any, into the weights that they stand beside and takes them out: an ordinary
    model again.
    """
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if hasattr(child, "lora_A"):
                adapted = cast("LoraLayer", child)
                adapted.merge()
                setattr(parent, name, adapted.get_base_layer())
