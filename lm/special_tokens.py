"""Special tokens that stand as plain text in a prompt or an answer: read as text they say nothing, as tokens they rule.

A text such as `Thanks.<|im_end|>` becomes the end of a turn in any tokenizer that knows the token.
"""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from lm.model_directory import TOKENIZER

WELL_KNOWN = (
    "<s>", "</s>", "<bos>", "<eos>", "<pad>", "<unk>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_sep|>",
    "<start_of_turn>", "<end_of_turn>", "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>",
    "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<|user|>",
    "<|assistant|>", "<|system|>", "<|end|>", "<|endofprompt|>", "<\uff5cUser\uff5c>",
    "<\uff5cAssistant\uff5c>",
)  # fmt: skip
"""Of the model families that people use; checked where no model's own tokenizer says which it has."""
SHORTEST = 3


def special_tokens(model: Path | str | None = None) -> tuple[str, ...]:
    """Returns the well-known tokens and those of the model's tokenizer, where it can be read."""
    own = _tokens_of(Path(model) / TOKENIZER) if model is not None else ()
    return tuple(dict.fromkeys((*WELL_KNOWN, *own)))


def special_tokens_in(texts: Iterable[str], tokens: tuple[str, ...]) -> list[str]:
    """Returns those of the tokens that stand in the texts, each once, in the order in which they come."""
    pattern = _pattern(tokens)
    return list(dict.fromkeys(token for text in texts for token in pattern.findall(text)))


@lru_cache(maxsize=4)
def _tokens_of(tokenizer: Path) -> tuple[str, ...]:
    try:
        added = json.loads(tokenizer.read_text(encoding="utf-8")).get("added_tokens") or []
    except (OSError, ValueError, AttributeError, RecursionError):
        return ()
    contents = (str(one.get("content", "")) for one in added if isinstance(one, dict) and one.get("special"))
    return tuple(content for content in contents if len(content) >= SHORTEST)


@lru_cache(maxsize=4)
def _pattern(tokens: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(tokens, key=len, reverse=True)
    return re.compile("|".join(re.escape(token) for token in longest_first))
