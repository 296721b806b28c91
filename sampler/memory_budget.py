"""How many tokens' keys and values fit into memory, from the model's configuration."""

from typing import Any

import psutil
import torch

SHARE = 0.5
"""Of the memory that is free once the model is loaded: the rest is for logits, other programs and mistakes."""


def bytes_per_token(config: Any, dtype: torch.dtype) -> int:
    """Keys and values of one token in all layers: 2 · layers · key heads · head size · bytes a number."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * size * dtype.itemsize)


def tokens_that_fit(config: Any, dtype: torch.dtype, device: torch.device) -> int:
    """At least one context of the model."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
    else:
        free = psutil.virtual_memory().available
    return max(int(SHARE * free) // bytes_per_token(config, dtype), int(getattr(config, "max_position_embeddings", 1)))
