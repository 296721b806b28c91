"""A Gemma 3 text model out of a GGUF file, written as an ordinary safetensors checkpoint.

transformers' own `from_pretrained(…, gguf_file=…)` makes the same weights and nearly the same tokens (it splits two
spaces, which the vocabulary holds as one token), which a test compares. It takes 73 s of processor time for the demo's
model where this takes 17 s (transformers 5.23, two cores), and `make demo` waits for it.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import Gemma3TextConfig, GenerationConfig

from lm.model_directory import WEIGHTS
from sampler.gguf_file import GgufFile
from sampler.gguf_tokenizer import write_tokenizer

_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
_LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "post_ffw_norm": "post_feedforward_layernorm",
}
_FULL_ATTENTION_EVERY = 6  # one layer in six sees the whole context (arXiv 2503.19786, section 2)


def write_checkpoint(gguf: GgufFile, directory: Path, *, dtype: torch.dtype, report: Callable[[str], None]) -> None:
    """Write model, tokenizer and configurations into `directory`; `report` hears about each step before it starts."""
    report(f"unpacking {len(gguf.tensor_names)} weight tensors")
    weights = {_checkpoint_name(name): _weight(gguf, name).to(dtype) for name in gguf.tensor_names}
    report("writing the weights")
    save_file(weights, directory / WEIGHTS, metadata={"format": "pt"})
    report("writing the tokenizer")
    end_of_turn = write_tokenizer(gguf, directory)
    config = _config(gguf, dtype)
    config.save_pretrained(directory)
    GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=config.bos_token_id,
        pad_token_id=config.pad_token_id,
        eos_token_id=[gguf.metadata["tokenizer.ggml.eos_token_id"], end_of_turn],
    ).save_pretrained(directory)


def _config(gguf: GgufFile, dtype: torch.dtype) -> Gemma3TextConfig:
    metadata = gguf.metadata
    layers: int = metadata["gemma3.block_count"]
    kinds = ["sliding_attention"] * (_FULL_ATTENTION_EVERY - 1) + ["full_attention"]
    return Gemma3TextConfig(
        architectures=["Gemma3ForCausalLM"],
        dtype=dtype,
        vocab_size=len(metadata["tokenizer.ggml.tokens"]),
        max_position_embeddings=metadata["gemma3.context_length"],
        hidden_size=metadata["gemma3.embedding_length"],
        intermediate_size=metadata["gemma3.feed_forward_length"],
        num_hidden_layers=layers,
        num_attention_heads=metadata["gemma3.attention.head_count"],
        num_key_value_heads=metadata["gemma3.attention.head_count_kv"],
        head_dim=metadata["gemma3.attention.key_length"],
        query_pre_attn_scalar=metadata["gemma3.attention.key_length"],
        sliding_window=metadata["gemma3.attention.sliding_window"],
        layer_types=[kinds[layer % _FULL_ATTENTION_EVERY] for layer in range(layers)],
        rms_norm_eps=metadata["gemma3.attention.layer_norm_rms_epsilon"],
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": metadata["gemma3.rope.freq_base"]},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
        },
        bos_token_id=metadata["tokenizer.ggml.bos_token_id"],
        eos_token_id=metadata["tokenizer.ggml.eos_token_id"],
        pad_token_id=metadata["tokenizer.ggml.padding_token_id"],
    )


def _weight(gguf: GgufFile, name: str) -> torch.Tensor:
    values = torch.from_numpy(gguf.tensor(name).copy())
    # GGUF stores a norm's whole factor, transformers what it adds to 1.
    return values - 1 if name.endswith("norm.weight") else values


def _checkpoint_name(name: str) -> str:
    if not name.startswith("blk."):
        return f"{_NAMES[name.removesuffix('.weight')]}.weight"
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{_LAYER_NAMES[part]}.weight"
