"""Conversations as token ids: a model's tokenizer and its chat template together, with the packages `tokenizers` and
`jinja2` alone. The web counts tokens with it, and samplers and trainers make theirs with it, so that both agree.

* The text is the chat template's, special tokens included; models without one have the plain format as theirs
  (lm/prompt_format.py). It is tokenised as it stands: what a tokenizer's own post-processing would add, an end of
  sequence behind the prompt for instance, is left out, as are truncation and padding that its file switches on.
* **Contents are text.** A special token's name inside a message is tokenised as the letters that it has, and never
  becomes that token: otherwise an imported `<|im_end|>` would end the turn in which it stands.
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from typing import Any, Self

from tokenizers import Tokenizer

from lm.chat_template import ChatTemplate, plain_template
from lm.errors import UnusableModel
from lm.prompt_format import Message

_PRIVATE_USE = range(0xF0000, 0xFFFFE)


class ConversationTokens:
    """Raises UnusableModel where the chat template can't be read."""

    def __init__(self, tokenizer: Tokenizer, template: str | None, special_tokens: Mapping[str, str]) -> None:
        self.tokenizer = tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.plain = template is None
        """Whether the model has no chat template of its own."""
        source = plain_template(_opening(tokenizer)) if template is None else template
        self.template = ChatTemplate(source, special_tokens)
        added = tokenizer.get_added_tokens_decoder().values()
        special = sorted((token.content for token in added if token.special and token.content), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, special)) or "(?!)")  # the longest first; (?!) finds nothing

    @classmethod
    def of(cls, tokenizer: Any) -> Self:
        """Of transformers' tokenizer, whose chat template becomes what is rendered with. Raises UnusableModel.

        So whoever is given the tokenizer renders the same: a checkpoint that it is saved with says how it was trained.
        """
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise UnusableModel(
                f"{type(tokenizer).__name__} has no fast tokenizer (tokenizer.json). Save the model with one."
            )
        template = tokenizer.chat_template
        if isinstance(template, dict):
            template = template.get("default")
        named = {name: token for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
        tokens = cls(backend, template or None, named)
        tokenizer.chat_template = tokens.template.source
        return tokens

    def answered_text(self, prompt: Sequence[Message], completion: str) -> str:
        """Returns the prompt with the completion as its last turn. Raises UnusablePrompt."""
        answered = [*prompt, Message(role="assistant", content=completion)]
        return self.template.render(answered, add_generation_prompt=False)

    def unread_in(self, prompt: Sequence[Message]) -> list[int]:
        """Returns the places of the prompt's messages that the template leaves out. Raises UnusablePrompt."""
        if self.plain:
            return []
        return unread_messages(prompt, "", self.template.render(prompt, add_generation_prompt=True))

    def prompt_ids(self, prompt: Sequence[Message]) -> list[int]:
        """Raises UnusablePrompt."""
        return self._ids(prompt, add_generation_prompt=True)

    def answered_ids(self, prompt: Sequence[Message], completion: str) -> list[int]:
        """Raises UnusablePrompt."""
        return self._ids([*prompt, Message(role="assistant", content=completion)], add_generation_prompt=False)

    def text_ids(self, text: str) -> list[int]:
        """Returns what a text takes by itself, as it would inside a message."""
        return self._as_text(text) if self._special.search(text) else _after_a_line(self.tokenizer, text)

    def special_tokens_in(self, text: str) -> list[str]:
        """Returns the names of special tokens that stand in a text, each once."""
        return list(dict.fromkeys(self._special.findall(text)))

    def _ids(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> list[int]:
        contents = "\n".join(message["content"] for message in messages)
        found = self.special_tokens_in(contents)
        if not found:
            return self._encoded(self.template.render(messages, add_generation_prompt=add_generation_prompt))
        # Each name is rendered as one character that no text has, so that what the template writes itself, and what
        # stood in a message, can be told apart in the rendered text.
        free = (chr(code) for code in _PRIVATE_USE if chr(code) not in contents)
        places = dict(zip(found, free, strict=False))
        marked = [
            Message(role=one["role"], content=self._special.sub(lambda name: places[name[0]], one["content"]))
            for one in messages
        ]
        rendered = self.template.render(marked, add_generation_prompt=add_generation_prompt)
        names = {place: name for name, place in places.items()}
        ids: list[int] = []
        for piece in re.split(f"([{''.join(names)}])", rendered):
            if piece:
                ids += self._as_text(names[piece]) if piece in names else self._encoded(piece, inside=bool(ids))
        return ids

    def _encoded(self, text: str, *, inside: bool = False) -> list[int]:
        self.tokenizer.no_padding()  # transformers switches it on in its own tokenizer, which may be this one
        self.tokenizer.no_truncation()
        return _after_a_line(self.tokenizer, text) if inside else _encoded(self.tokenizer, text)

    def _as_text(self, text: str) -> list[int]:
        return _after_a_line(self._without_special_tokens, text)

    @cached_property
    def _without_special_tokens(self) -> Tokenizer:
        tokenizer = deepcopy(self.tokenizer)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = True
        return tokenizer


def unread_messages(prompt: Sequence[Message], completion: str, text: str) -> list[int]:
    """Returns the places of the messages whose text is not in the rendered text; the completion's is len(prompt).

    White space around a message may go, as in most templates. Each message must be found as often as the messages hold
    it, so that one that is left out is not taken for another that repeats it.
    """
    contents = [*(message["content"].strip() for message in prompt), completion.strip()]
    return [
        place
        for place, content in enumerate(contents)
        if content and text.count(content) < sum(other.count(content) for other in contents)
    ]


def _opening(tokenizer: Tokenizer) -> str:
    """Returns the special tokens that the tokenizer puts before a text by itself: `<bos>`, or nothing."""
    bare = _encoded(tokenizer, "a")
    whole: list[int] = tokenizer.encode("a").ids
    start = next((place for place in range(len(whole)) if whole[place : place + len(bare)] == bare), 0)
    return "".join(tokenizer.id_to_token(token) or "" for token in whole[:start])


def _after_a_line(tokenizer: Tokenizer, text: str) -> list[int]:
    """Returns the tokens of a text that others stand before; behind a line's end no tokenizer adds a space."""
    line, whole = _encoded(tokenizer, "\n"), _encoded(tokenizer, f"\n{text}")
    return whole[len(line) :] if whole[: len(line)] == line else _encoded(tokenizer, text)


def _encoded(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids
