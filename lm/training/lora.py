"""Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) on every linear map of the layers, by peft.

They are put into the model in place, so that whatever reads it (sharing, FSDP, checkpoints) sees the same backbone, and
are added into the weights before anything is measured or written.
"""

from typing import TYPE_CHECKING, cast

import torch
from torch import nn
from transformers import PreTrainedModel

from lm.errors import Refused
from lm.layers import heads, transformer_layers

if TYPE_CHECKING:
    from peft.tuners.lora import LoraLayer


def add_adapters(model: PreTrainedModel, *, rank: int, alpha: float, seed: int) -> None:
    """Leaves adapters and heads to train, and nothing else; with rank 0 nothing happens. Raises Refused."""
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
    for head in heads(model):
        head.requires_grad_(True)
    nn.Module.eval(model)  # new modules are made for training


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
