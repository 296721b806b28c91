"""The model and the ranking that every side of a comparison trains on: the same seed gives all of them the same.

Imports nothing of ours, so that peers run it in their own virtual environment.
"""

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

GEMMA_3_270M = {
    "vocab_size": 262_144,
    "hidden_size": 640,
    "intermediate_size": 2048,
    "num_hidden_layers": 18,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 256,
    "query_pre_attn_scalar": 256,
    "sliding_window": 512,
}
SMALL = GEMMA_3_270M | {
    "vocab_size": 1000,
    "hidden_size": 64,
    "intermediate_size": 192,
    "num_hidden_layers": 4,
    "head_dim": 32,
    "query_pre_attn_scalar": 32,
}


def random_model(*, small: bool) -> PreTrainedModel:
    """Random weights in float32 on the CPU, the token embeddings frozen."""
    torch.manual_seed(0)
    config = AutoConfig.for_model("gemma3_text", **(SMALL if small else GEMMA_3_270M), num_labels=1, pad_token_id=0)
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(config).eval()  # type: ignore[no-untyped-call]
    model.get_input_embeddings().requires_grad_(False)
    return model


def random_sequences(model: PreTrainedModel, k: int, prompt: int, completion: int) -> list[Tensor]:
    """K sequences int32 with one prompt. No id is 0, which is padding; the stock head looks for it."""
    random = torch.Generator().manual_seed(k)
    vocabulary = int(model.config.vocab_size)
    opening = torch.randint(1, vocabulary, (prompt,), generator=random, dtype=torch.int32)
    endings = torch.randint(1, vocabulary, (k, completion), generator=random, dtype=torch.int32)
    return [torch.cat([opening, ending]) for ending in endings]
