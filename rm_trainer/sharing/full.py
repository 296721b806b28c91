"""K full sequences: right for every architecture, and the yardstick of the other two ways."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lm.rendering import Rendered
from rm_trainer.batches import collate
from rm_trainer.model import score_group


def scores(model: PreTrainedModel, rendered: Sequence[Rendered], device: torch.device) -> Tensor:
    """Unshifted rewards [ΣK] float32, in order; the prompt is read once per completion."""
    return score_group(model, collate(rendered, device))
