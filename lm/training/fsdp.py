"""The weights spread over the processes by FSDP2: a layer's are together only while that layer computes."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from lm.errors import Refused
from lm.layers import heads, is_sharded, transformer_layers
from lm.training.processes import Processes


def shard(model: PreTrainedModel, device: torch.device, processes: Processes) -> None:
    """Leaves this process its part of every weight, on its device. Every process must hold the same weights before.

    Gradients are summed over the processes and not averaged: each one's loss is its part of the batch's mean already.
    Backbone and head are wrapped one by one, because some callers use these two and never the model itself.
    """
    for module in (*transformer_layers(model), model.base_model, *heads(model)):
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
    return cast("dict[str, Tensor]", get_model_state_dict(model, options=options))


def whole(tensor: Tensor) -> Tensor:
    """Returns the tensor, put together from its parts where it is spread; every process must call it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
