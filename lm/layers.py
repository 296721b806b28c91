"""The layers of a transformers model: which they are, which of them train, and whether they are computed twice."""

from torch import nn
from torch.distributed.fsdp import FSDPModule
from transformers import PreTrainedModel

from lm.errors import Refused


def transformer_layers(model: PreTrainedModel) -> list[nn.Module]:
    """Returns the layers from the bottom up: the longest module list in the backbone (`layers`, in GPT-2 `h`)."""
    lists = [list(child) for child in model.base_model.children() if isinstance(child, nn.ModuleList)]
    return max(lists, key=len, default=[])


def heads(model: PreTrainedModel) -> list[nn.Module]:
    """Returns what the model has beside its backbone: the projection to one number, or to the vocabulary."""
    return [child for child in model.children() if child is not model.base_model]


def freeze(model: PreTrainedModel, *, embeddings: bool, layers: int) -> None:
    """Takes the token embeddings, or the first `layers` layers with the embeddings, out of training. Raises Refused."""
    blocks = transformer_layers(model)
    if layers > len(blocks):
        raise Refused(f"--freeze-layers {layers} is more than the {len(blocks)} layers that the model has.")
    if embeddings or layers:
        model.get_input_embeddings().requires_grad_(False)
    for block in blocks[:layers]:
        block.requires_grad_(False)


def recompute_activations(model: PreTrainedModel) -> None:
    """Makes layers keep their inputs only, and be computed again in the backward pass: less memory for about a third
    more time.

    Of all modules only the layers themselves are put into training mode, which is what the library asks for; what they
    hold stays in evaluation mode, so that nothing drops out.
    """
    model.activation_checkpointing_enable({"use_reentrant": False})
    for layer in transformer_layers(model):
        layer.training = True


def is_sharded(model: PreTrainedModel) -> bool:
    """Returns whether the weights are spread over several processes (lm/training/fsdp.py)."""
    return isinstance(model.base_model, FSDPModule)
