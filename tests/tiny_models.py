"""Real language models small enough to be made inside a test.

`make_tiny_model` writes a randomly initialised checkpoint of a real architecture (150 KB, milliseconds) with a
tokenizer made on the spot, so that tests run the same code as with six billion parameters.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    AutoModelForSequenceClassification,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GenerationConfig,
    GPTJConfig,
    GPTJForCausalLM,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

PAD, BOS, EOS, START_OF_TURN, END_OF_TURN = SPECIAL_TOKENS = ("<pad>", "<bos>", "<eos>", "<|im_start|>", "<|im_end|>")
PAD_ID, BOS_ID, EOS_ID, START_OF_TURN_ID, END_OF_TURN_ID = range(256, 261)
VOCABULARY_SIZE = 261
CONTEXT_LENGTH = 512

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_tiny_model(
    directory: Path, *, architecture: str = "llama", chat_template: bool = True, seed: int = 0, head_size: int = 8
) -> Path:
    """Write a loadable checkpoint into `directory` (made if missing) and return it.

    The tokenizer knows the 256 bytes and five special tokens, so any text in any script round-trips and one ASCII
    character is one token. The same arguments give the same weights. Context: 512 tokens.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ARCHITECTURES[architecture](head_size)
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=BOS_ID, pad_token_id=PAD_ID, eos_token_id=[EOS_ID, END_OF_TURN_ID] if chat_template else EOS_ID
    )
    model.save_pretrained(directory)
    _tokenizer(chat_template).save_pretrained(directory)
    return directory


def make_tiny_reward_model(directory: Path, *, chat_template: bool = True, seed: int = 0) -> Path:
    """Write the same as a reward model with a random head, and return the directory."""
    make_tiny_model(directory, chat_template=chat_template, seed=seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = AutoModelForSequenceClassification.from_pretrained(directory, num_labels=1)
    model.save_pretrained(directory)
    return directory


def _tokenizer(chat_template: bool) -> PreTrainedTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: index for index, character in enumerate(alphabet)}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    backend.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, BOS_ID)])
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend, pad_token=PAD, bos_token=BOS, eos_token=EOS, model_max_length=CONTEXT_LENGTH
    )
    if chat_template:
        tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


_SPECIAL: dict[str, Any] = {"pad_token_id": PAD_ID, "bos_token_id": BOS_ID, "eos_token_id": EOS_ID}
_HEADS = 4
_SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY_SIZE,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": _HEADS,
    "max_position_embeddings": CONTEXT_LENGTH,
    **_SPECIAL,
}


def _shape(head_size: int) -> dict[str, Any]:
    return _SHAPE | {"hidden_size": _HEADS * head_size}


def _llama(head_size: int) -> PreTrainedModel:
    return LlamaForCausalLM(LlamaConfig(**_shape(head_size), num_key_value_heads=2))


def _qwen2(head_size: int) -> PreTrainedModel:
    return Qwen2ForCausalLM(Qwen2Config(**_shape(head_size), num_key_value_heads=2))


def _gemma3(head_size: int) -> PreTrainedModel:
    layers = ["sliding_attention", "full_attention"]
    attention: dict[str, Any] = {"num_key_value_heads": 1, "head_dim": head_size, "query_pre_attn_scalar": head_size}
    return Gemma3ForCausalLM(Gemma3TextConfig(**_shape(head_size), **attention, sliding_window=64, layer_types=layers))


def _gpt_neox(head_size: int) -> PreTrainedModel:
    return GPTNeoXForCausalLM(GPTNeoXConfig(**_shape(head_size)))


def _gptj(head_size: int) -> PreTrainedModel:
    shape: dict[str, Any] = {
        "n_embd": _HEADS * head_size,
        "n_inner": 64,
        "n_layer": 2,
        "n_head": 4,
        "rotary_dim": 4,
        "n_positions": CONTEXT_LENGTH,
    }
    return GPTJForCausalLM(GPTJConfig(vocab_size=VOCABULARY_SIZE, **shape, **_SPECIAL))


ARCHITECTURES: dict[str, Callable[[int], PreTrainedModel]] = {
    "llama": _llama,
    "gemma3": _gemma3,
    "gpt_neox": _gpt_neox,
    "gptj": _gptj,
    "qwen2": _qwen2,
}
