"""Who may look at whom in a row of trees."""

import torch
from torch import Tensor
from transformers import PretrainedConfig

from rm_trainer.sharing.rows import Rows

MASK_BY_LAYER = frozenset({"gemma3_text", "qwen2"})
"""Backbones that look up each layer's mask by its kind. One mask for all would lift the window of sliding layers."""
HIDDEN = torch.finfo(torch.float32).min


def allowed(rows: Rows, *, window: int | None = None) -> Tensor:
    """Boolean [R, T, T]: entry (i, j) lets token i look at token j.

    Same tree, j in the prompt or in i's own branch, j not later than i and, with a sliding window, fewer than `window`
    positions back. Order and distance are those of the full sequences, not of the row, where other branches lie
    between a completion and its prompt.
    """
    same_tree = rows.trees[:, :, None] == rows.trees[:, None, :]
    seen_branch = (rows.branches[:, None, :] == 0) | (rows.branches[:, None, :] == rows.branches[:, :, None])
    back = rows.positions[:, :, None] - rows.positions[:, None, :]
    visible = same_tree & seen_branch & (back >= 0)
    return visible if window is None else visible & (back < window)


def attention_masks(config: PretrainedConfig, rows: Rows) -> Tensor | dict[str, Tensor]:
    """What the backbone takes as `attention_mask`: [R, 1, T, T], or one by kind of layer where there are several.

    Floats to be added, 0 or the lowest value: eager attention in GPT-J adds even a boolean mask. Four dimensions: the
    library takes a mask of two for padding, casts it to bool and lets neighbours see each other.
    """
    if config.model_type not in MASK_BY_LAYER:
        return additive(allowed(rows))
    return {
        kind: additive(allowed(rows, window=config.sliding_window if kind == "sliding_attention" else None))
        for kind in sorted(set(config.layer_types))
    }


def additive(visible: Tensor) -> Tensor:
    """[R, T, T] boolean → [R, 1, T, T] float32."""
    return torch.zeros(visible.shape, device=visible.device).masked_fill(~visible, HIDDEN)[:, None]
