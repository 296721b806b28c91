"""What looks like one thing and is another: warnings of a preview, for the line comes in as it stands. Pure."""

import re
from collections.abc import Iterable, Sequence

from ftfy.badness import is_bad

from lm.prompt_format import Message

_SPEAKERS = r"Human|User|Assistant|AI|Bot|Prompter|USER|ASSISTANT|HUMAN"
_TURN = re.compile(rf"^\s*(?:#+\s*)?(?P<speaker>{_SPEAKERS})\s*:", re.MULTILINE)
_NOTHING = frozenset({"<noinput>", "noinput", "n/a", "na", "nan", "none", "null", "nil", "-", "<no input>", "no input"})
"""What tools write where there is nothing to write."""


_CONTROL_TOKENS = re.compile(
    r"</?s>|<(?:bos|eos|pad|unk)>|<\|[a-z_]{2,24}\|>|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>|<\uff5c\w+\uff5c>"
)
"""Of well-known model families; a model's own tokenizer knows its own better."""


def control_tokens_in(texts: Iterable[str]) -> list[str]:
    return [token for text in texts for token in _CONTROL_TOKENS.findall(text)]


def holds_a_dialogue(text: str) -> bool:
    """Whether a text reads as turns of at least two speakers: a whole conversation in one message."""
    return len({turn["speaker"].lower() for turn in _TURN.finditer(text)}) > 1


def says_nothing(text: str) -> bool:
    """Whether a text is a placeholder such as <noinput> or N/A."""
    return text.strip().casefold() in _NOTHING


def suspicions_of_texts(messages: Sequence[Message], answers: Iterable[str], extra: str | None) -> list[str]:
    """Returns what is suspicious about a prompt, its answers and `extra`, an instruction's input."""
    said = []
    if any(message["role"] == "user" and holds_a_dialogue(message["content"]) for message in messages):
        said.append(
            "A whole dialogue stands in one message (turns such as “Human:” and “Assistant:”). Its turns belong into "
            "messages, each with its role."
        )
    nothing = [extra] if extra is not None else [message["content"] for message in messages]
    if placeholder := next((text.strip() for text in nothing if says_nothing(text)), None):
        said.append(f"“{placeholder}” seems to stand for nothing at all; leave the field empty instead.")
    if any(is_bad(text) for text in [*(message["content"] for message in messages), *answers]):
        said.append(
            "A text looks garbled (mojibake: UTF-8 that was once read as another encoding, such as “Ã©” for “é”). "
            "Export it again from where it came from."
        )
    return said
