"""Counts the tokens of a prompt without torch or transformers, for processes that check prompts and never sample.

Needs the light packages `tokenizers` and `jinja2`. The conversation is written out exactly as the sampler does it: by
the model's chat template, or by `lm.prompt_format` when it has none.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import Template, TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from lm.errors import RefusedByTemplate, UnusableModel
from lm.model_directory import TOKENIZER, check_model_directory
from lm.prompt_format import Message, plain_prompt

_SPECIAL_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token")


def count_tokens(path: Path | str, messages: Sequence[Message]) -> int:
    """Returns the prompt's number of tokens, special tokens and the opening of the assistant's turn included.

    The tokenizer of `path` is read once in a process. Raises UnusableModel and UnusablePrompt.
    """
    return _prompt_tokenizer(Path(path).resolve()).count(messages)


def count_text_tokens(path: Path | str, text: str) -> int:
    """Returns a text's number of tokens alone, without special ones: what an answer takes. Raises UnusableModel."""
    return len(_prompt_tokenizer(Path(path).resolve()).tokenizer.encode(text, add_special_tokens=False).ids)


@dataclass(frozen=True)
class _PromptTokenizer:
    tokenizer: Tokenizer
    template: Template | None
    special_tokens: Mapping[str, str]

    def count(self, messages: Sequence[Message]) -> int:
        if self.template is None:
            return len(self.tokenizer.encode(plain_prompt(messages)).ids)
        return len(self.tokenizer.encode(self._render(self.template, messages), add_special_tokens=False).ids)

    def _render(self, template: Template, messages: Sequence[Message]) -> str:
        try:
            return template.render(
                messages=[dict(message) for message in messages], add_generation_prompt=True, **self.special_tokens
            )
        except TemplateError as error:
            raise RefusedByTemplate(str(error)) from error


@lru_cache(maxsize=4)
def _prompt_tokenizer(path: Path) -> _PromptTokenizer:
    check_model_directory(path)
    config_file = path / "tokenizer_config.json"
    config = json.loads(config_file.read_text(encoding="utf-8")) if config_file.is_file() else {}
    source = _chat_template(path, config)
    return _PromptTokenizer(
        tokenizer=_tokenizer(path / TOKENIZER),
        template=_environment().from_string(source) if source else None,
        special_tokens={name: _content(config[name]) for name in _SPECIAL_TOKENS if config.get(name)},
    )


def _tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:
        raise UnusableModel(f"{path} can't be read as a tokenizer: {error}") from error


def _chat_template(path: Path, config: Mapping[str, Any]) -> str | None:
    """A file of its own since transformers 4.51; before, one template or several by name in the tokenizer's config."""
    file = path / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    template: str | list[dict[str, str]] | None = config.get("chat_template")
    if isinstance(template, list):
        return next((entry["template"] for entry in template if entry["name"] == "default"), None)
    return template


def _content(token: Any) -> str:
    return str(token["content"] if isinstance(token, dict) else token)


def _environment() -> ImmutableSandboxedEnvironment:
    """The environment that chat templates are written for: that of transformers' `apply_chat_template`."""
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(pattern: str) -> str:
    return datetime.now().astimezone().strftime(pattern)
