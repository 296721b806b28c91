"""Counts the tokens of a prompt without torch or transformers, for processes that check prompts and never sample.

Counted is what a sampler makes of the prompt (lm/conversation_tokens.py), from the model's directory alone.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from lm.conversation_tokens import ConversationTokens
from lm.errors import UnusableModel
from lm.model_directory import TOKENIZER, chat_template_source, check_model_directory, tokenizer_config
from lm.prompt_format import Message


def count_tokens(path: Path | str, messages: Sequence[Message]) -> int:
    """Returns the prompt's number of tokens, special tokens and the opening of the assistant's turn included.

    The tokenizer of `path` is read once in a process. Raises UnusableModel and UnusablePrompt.
    """
    return len(_tokens(Path(path).resolve()).prompt_ids(messages))


def count_text_tokens(path: Path | str, text: str) -> int:
    """Returns a text's number of tokens alone, without special ones: what an answer takes. Raises UnusableModel."""
    return len(_tokens(Path(path).resolve()).text_ids(text))


def unread_in(path: Path | str, messages: Sequence[Message]) -> list[int]:
    """Returns the places of a prompt's messages that the model's chat template leaves out of the text, from 0.

    Raises UnusableModel and UnusablePrompt.
    """
    return _tokens(Path(path).resolve()).unread_in(messages)


def special_tokens_in(path: Path | str, text: str) -> list[str]:
    """Returns the names of the model's special tokens that stand in a text, each once. Raises UnusableModel.

    Concord makes their letters' tokens of them, but other programs may take them for the tokens themselves.
    """
    return _tokens(Path(path).resolve()).special_tokens_in(text)


@lru_cache(maxsize=4)
def _tokens(path: Path) -> ConversationTokens:
    check_model_directory(path)
    return ConversationTokens(
        _tokenizer(path / TOKENIZER), chat_template_source(path), _special_tokens(path, tokenizer_config(path))
    )


def _tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:
        raise UnusableModel(f"{path} can't be read as a tokenizer: {error}") from error


def _special_tokens(path: Path, config: Mapping[str, Any]) -> dict[str, str]:
    """By the names under which chat templates know them, as transformers gives them."""
    older = path / "special_tokens_map.json"
    entries: dict[str, Any] = json.loads(older.read_text(encoding="utf-8")) if older.is_file() else {}
    extra = config.get("extra_special_tokens")
    entries |= {**config, **(extra if isinstance(extra, dict) else {})}
    found = {name: _content(token) for name, token in entries.items() if name.endswith("_token")}
    return {name: content for name, content in found.items() if content}


def _content(token: Any) -> str:
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else ""
