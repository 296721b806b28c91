"""One forward pass over rows that hold every prompt once and its K completions beside it, told apart by the mask."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lm.rendering import Rendered
from rm_trainer.model import score_hidden
from rm_trainer.sharing.masks import attention_masks
from rm_trainer.sharing.prefix import split
from rm_trainer.sharing.rows import lay_out


def scores(model: PreTrainedModel, rendered: Sequence[Rendered], device: torch.device) -> Tensor:
    """Unshifted rewards [ΣK] float32, in order; safe with gradient checkpointing.

    `use_cache=False`: with a cache the library would take restarting positions for packed documents.
    """
    rows = lay_out([split(one) for one in rendered]).to(device)
    hidden = model.base_model(
        input_ids=rows.input_ids,
        attention_mask=attention_masks(model.config, rows),
        position_ids=rows.positions,
        use_cache=False,
    ).last_hidden_state  # [R, T, d]
    return score_hidden(model, hidden[rows.ends[:, 0], rows.ends[:, 1]])
