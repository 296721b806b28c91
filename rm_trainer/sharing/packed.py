"""One forward pass over one row without padding; attention follows the trees by itself (attention.py)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lm.rendering import Rendered
from rm_trainer.model import score_hidden
from rm_trainer.sharing.attention import Kernel, Row, spans
from rm_trainer.sharing.masks import MASK_BY_LAYER
from rm_trainer.sharing.prefix import split
from rm_trainer.sharing.rows import in_one_row


def scores(
    model: PreTrainedModel, rendered: Sequence[Rendered], device: torch.device, kernel: Kernel = "gathered"
) -> Tensor:
    """Unshifted rewards [ΣK] float32, in order; safe with gradient checkpointing, since there is no cache to lose."""
    trees = [split(one) for one in rendered]
    rows = in_one_row(trees).to(device)
    hidden = model.base_model(
        input_ids=rows.input_ids,
        attention_mask=_no_mask(model, device),
        position_ids=rows.positions,
        use_cache=False,
        row=Row(spans=spans(trees), rows=rows, kernel=kernel),
    ).last_hidden_state  # [1, T, d]
    return score_hidden(model, hidden[0, rows.ends[:, 1]])


def flex_scores(model: PreTrainedModel, rendered: Sequence[Rendered], device: torch.device) -> Tensor:
    return scores(model, rendered, device, kernel="flex")


def _no_mask(model: PreTrainedModel, device: torch.device) -> Tensor | dict[str, None]:
    """A mask of four dimensions is passed on unread; without any the library would make one from the positions."""
    if model.config.model_type in MASK_BY_LAYER:
        return dict.fromkeys(model.config.layer_types)
    return torch.empty((1, 1, 0, 0), device=device)
