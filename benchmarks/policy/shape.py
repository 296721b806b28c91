"""What every side trains: the same seed gives all of them the same policy, reward model, demonstrations and prompts.

Imports nothing of ours, so that peers run it in their own virtual environment. A token is a word of its own (`w17`),
so that a text has exactly the tokens that it was made of, however often it is decoded and tokenised again.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedTokenizerFast,
)

from benchmarks.training.shape import GEMMA_3_270M, SMALL

ROWS_AT_ONCE = 16
"""Of a peer's full sequences, more of which do not fit beside the logits of 262,144 tokens at all of their places."""
GAMMA = 27.8
"""InstructGPT's weight of pretraining text, C.4."""
SPECIAL = ("<pad>", "<eos>", "<end>")
TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }} "
    "{% if message['role'] == 'assistant' %}<end>{% endif %}{% endfor %}"
)


@dataclass(frozen=True)
class Work:
    """`kind`: sft, ppo, update (of PPO alone), text (its pretraining mix alone) or dpo.

    `prompts` × `k` answers of `new` tokens to prompts of `prompt` tokens; of text `prompts` rows of `prompt` tokens.
    `shared`: of an update, whether a prompt is read once for its answers, or each is a prompt of its own.
    `advantage`: `gae`, with a value function, or `leave-one-out`, without.
    """

    kind: str
    small: bool
    prompts: int = 4
    k: int = 4
    prompt: int = 256
    new: int = 32
    demonstrations: int = 24
    dtype: str = "bfloat16"
    shared: bool = True
    advantage: str = "gae"

    @property
    def shape(self) -> dict[str, int]:
        return SMALL if self.small else GEMMA_3_270M

    def text_rows(self) -> list[str]:
        return self.texts(self.prompts, self.prompt, seed=1)

    def texts(self, count: int, length: int, *, seed: int) -> list[str]:
        return texts(count, length, vocabulary=self.shape["vocab_size"], seed=seed)


def write_models(directory: Path, shape: dict[str, int]) -> tuple[Path, Path]:
    """A policy and a reward model in float32, with their tokenizer."""
    tokenizer = make_tokenizer(shape["vocab_size"])
    found = []
    for name, auto, more in (
        ("policy", AutoModelForCausalLM, {}),
        ("reward", AutoModelForSequenceClassification, {"num_labels": 1}),
    ):
        torch.manual_seed(0)
        config = AutoConfig.for_model("gemma3_text", **shape, pad_token_id=0, eos_token_id=1, bos_token_id=1, **more)
        model = auto.from_config(config)  # type: ignore[no-untyped-call]
        model.save_pretrained(directory / name)
        tokenizer.save_pretrained(directory / name)
        found.append(directory / name)
    return found[0], found[1]


def make_tokenizer(size: int) -> PreTrainedTokenizerFast:
    words = {name: number for number, name in enumerate(SPECIAL)}
    words |= {f"w{number}": number for number in range(len(SPECIAL), size)}
    backend = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", eos_token="<eos>")  # type: ignore[no-untyped-call]
    tokenizer.add_special_tokens({"additional_special_tokens": ["<end>"]})
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def texts(count: int, length: int, *, vocabulary: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(f"w{chance.randrange(len(SPECIAL), vocabulary)}" for _ in range(length)) for _ in range(count)]


def demonstrations(work: Work) -> list[tuple[str, str]]:
    """Prompts and answers of mixed lengths, as people's are: most short, some long."""
    chance = random.Random(7)
    most = 4 if work.small else 1
    lengths = [
        (int(chance.lognormvariate(3.6, 0.7)) // most + 2, int(chance.lognormvariate(4.2, 0.7)) // most + 2)
        for _ in range(work.demonstrations)
    ]
    return [
        (work.texts(1, prompt, seed=2 * n)[0], work.texts(1, answer, seed=2 * n + 1)[0])
        for n, (prompt, answer) in enumerate(lengths)
    ]
