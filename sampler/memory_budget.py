"""How many tokens' keys and values fit into memory, from the model's configuration."""

from typing import Any

import psutil
import torch

SHARE = 0.5
"""Of the memory that is free once the model is loaded: the rest is for logits, other programs and mistakes."""


def bytes_per_token(config: Any, dtype: torch.dtype) -> int:
    """Keys and values of one token in all layers: 2 · layers · key heads · head size · bytes a number.

    Of a model that reads pictures, too, its language model counts. A layer with a sliding window holds every token: the
    engine keeps them, and masks.
    """
    config = config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * size * dtype.itemsize)


def tokens_that_fit(config: Any, dtype: torch.dtype, device: torch.device) -> int:
    """How many tokens' keys and values fit into SHARE of the free memory of `device`; at least one context."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
    else:
        free = psutil.virtual_memory().available
    context = int(getattr(config.get_text_config(), "max_position_embeddings", 1))
    return max(int(SHARE * free) // bytes_per_token(config, dtype), context)
