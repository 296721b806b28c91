"""The weights spread over the processes by FSDP2: a layer's are together only while that layer computes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from lm.errors import Refused
from lm.layers import heads, is_sharded, transformer_layers
from lm.training.processes import Processes

SHELLS: WeakKeyDictionary[nn.Module, PreTrainedModel] = WeakKeyDictionary()
"""Of every model whose weights are spread: the same without weights, since FSDP lets no such model be copied."""


def shard(model: PreTrainedModel, device: torch.device, processes: Processes) -> None:
    """Leaves this process its part of every weight, on its device. Every process must hold the same weights before.

    Gradients are summed over the processes and not averaged: each one's loss is its part of the batch's mean already.
    Backbone and head are wrapped one by one, because some callers use these two and never the model itself. A head that
    is the embeddings as well belongs to the backbone: by itself it would become another weight, with half a gradient.
    """
    SHELLS[model] = _without_weights(model)
    inside = {id(parameter) for parameter in model.base_model.parameters()}
    tied = [head for head in heads(model) if any(id(parameter) in inside for parameter in head.parameters())]
    with _as_part_of(model.base_model, tied):
        for module in (*transformer_layers(model), model.base_model, *(one for one in heads(model) if one not in tied)):
            sharded = fully_shard(module, mesh=processes.mesh)
            sharded.set_gradient_divide_factor(1.0)
            sharded.set_force_sum_reduction_for_comms(True)  # gloo has no sum that multiplies
    whole = [name for name, parameter in model.named_parameters() if not isinstance(parameter, DTensor)]
    if whole:
        raise Refused(f"{', '.join(whole)} of {type(model).__name__} can't be spread. Train it in one process.")
    nn.Module.to(model, device)


def whole_weights(model: PreTrainedModel) -> dict[str, Tensor]:
    """Returns all weights on the CPU, on the first process; empty on the others, which must call it, too."""
    if not is_sharded(model):
        return model.state_dict()
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    weights = cast("dict[str, Tensor]", get_model_state_dict(model, options=options))
    first: dict[int, str] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        same = first.setdefault(id(parameter), name)
        if same != name and name in weights:
            weights[name] = weights[same]  # one weight in two places is written once
    return weights


def whole(tensor: Tensor) -> Tensor:
    """Returns the tensor, put together from its parts where it is spread; every process must call it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def whole_copy(model: PreTrainedModel, device: torch.device, dtype: torch.dtype | None = None) -> PreTrainedModel:
    """Returns a copy for this process alone, with all weights on the device and none of them trained. Where they are
    spread every process must call it.

    `dtype`: of the weights; None: as they are. Buffers keep theirs, as where a model is loaded: the frequencies of
    rotary positions, rounded to bfloat16, put distant tokens elsewhere.
    """
    let_go(model)
    copied: dict[int, object] = {
        id(empty): nn.Parameter(whole(weight.detach()).to(device, dtype, copy=True), requires_grad=False)
        for empty, weight in zip(SHELLS.get(model, model).parameters(), model.parameters(), strict=True)
    }
    return nn.Module.to(deepcopy(SHELLS.get(model, model), copied), device)


def let_go(model: nn.Module) -> None:
    """After a forward pass without a backward one: lets go of the weights that FSDP has put together for it. Only then
    are the model's parameters those that are trained, and what is written into them is what the next pass reads.
    """
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def _without_weights(model: PreTrainedModel) -> PreTrainedModel:
    """A copy whose parameters hold no numbers; one that stands in two places does so in the copy."""
    empty: dict[int, object] = {
        id(one): nn.Parameter(torch.empty_like(one, device="meta"), requires_grad=False) for one in model.parameters()
    }
    return deepcopy(model, empty)


@contextmanager
def _as_part_of(backbone: nn.Module, tied: Sequence[nn.Module]) -> Iterator[None]:
    """Inside it FSDP finds the modules in the backbone, and so all the places in which a weight stands."""
    names = [f"tied_{place}" for place in range(len(tied))]
    for name, module in zip(names, tied, strict=True):
        backbone.add_module(name, module)
    try:
        yield
    finally:
        for name in names:
            delattr(backbone, name)
