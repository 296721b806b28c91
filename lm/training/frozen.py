"""Weights that do not train take no more memory than what is computed with them."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from lm.layers import is_sharded

Model = TypeVar("Model", bound=PreTrainedModel)


def keep_rounded(model: Model, dtype: torch.dtype) -> Model:
    """Keeps the backbone's linear layers as autocast to `dtype` rounds them before every product: the same numbers in
    half of the memory, 12 GB of six billion weights. A model that trains, or is spread over processes, stays as it is.
    """
    if not is_sharded(model) and not any(weight.requires_grad for weight in model.parameters()):
        for layer in model.base_model.modules():
            if type(layer) is nn.Linear:
                nn.Module.to(layer, dtype)
    return model


def round_weights(model: Model, dtype: torch.dtype) -> Model:
    """In place, buffers left alone (as `whole_copy` says)."""
    for weight in model.parameters():
        weight.data = weight.data.to(dtype)
    return model


def share_frozen(*models: nn.Module) -> None:
    """Gives weights that do not train, and are the same in several models by that name, one memory: such as the
    embeddings of a small model's 262,144 tokens, which a reward model has from the policy's own base. The rest of such
    a model leaves its file, which stays in memory as long as one weight is a part of it.
    """
    known: dict[str, list[nn.Parameter]] = {}
    for model in models:
        own, shares = [], False
        for name, weight in model.named_parameters():
            if isinstance(weight, DTensor):  # of which every process has a part
                continue
            alike = [] if weight.requires_grad else known.setdefault(name, [])
            same = next((one for one in alike if _is_same(weight, one)), None)
            if same is None:
                alike.append(weight)
                own.append(weight)
            else:
                weight.data = same.data
                shares = True
        for weight in own if shares else ():
            weight.data = weight.data.clone()


def _is_same(weight: Tensor, other: Tensor) -> bool:
    """Also where it is the other's rounding: autocast makes it of the other anew."""
    return weight.device == other.device and weight.shape == other.shape and torch.equal(weight, other.to(weight.dtype))
