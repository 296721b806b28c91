"""What the playground's page may ask for. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labeling.base.text import LONGEST_TURN

MOST_TURNS = 100
LONGEST_CONVERSATION = 200_000
"""Characters of all turns together; what the model has room for is less, and the server of the models says how much."""
HIGHEST_TEMPERATURE = 2.0
SIDES = 2
"""Conversations side by side on one page."""


class NotAskable(ValueError):
    """`why` names what is wrong, for the words on the page."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A conversation that a model version is to answer."""

    version: int
    messages: Sequence[Mapping[str, object]]
    temperature: float


def read_asked(sent: object) -> Asked:
    """Raises NotAskable: malformed, turns or too_long. Whether the messages are a conversation is checked with them."""
    if not isinstance(sent, dict) or set(sent) != {"version", "messages", "temperature"}:
        raise NotAskable("malformed")
    version, messages, temperature = sent["version"], sent["messages"], sent["temperature"]
    if not _whole(version) or not isinstance(messages, list) or not _number(temperature):
        raise NotAskable("malformed")
    if not 0 <= temperature <= HIGHEST_TEMPERATURE:
        raise NotAskable("malformed")
    if len(messages) > MOST_TURNS:
        raise NotAskable("turns")
    texts = [message.get("content") if isinstance(message, dict) else None for message in messages]
    if not all(isinstance(text, str) for text in texts):
        raise NotAskable("malformed")
    lengths = [len(str(text)) for text in texts]
    if sum(lengths) > LONGEST_CONVERSATION or (lengths and lengths[-1] > LONGEST_TURN):
        raise NotAskable("too_long")
    return Asked(version=version, messages=messages, temperature=float(temperature))


def read_texts(sent: object) -> list[str]:
    """The answers of a page, to be rendered. Raises NotAskable: malformed, turns or too_long."""
    texts = sent.get("texts") if isinstance(sent, dict) and set(sent) == {"texts"} else None
    if not isinstance(texts, list) or not all(isinstance(text, str) and _can_be_sent(text) for text in texts):
        raise NotAskable("malformed")
    if len(texts) > SIDES * MOST_TURNS:
        raise NotAskable("turns")
    if sum(map(len, texts)) > SIDES * LONGEST_CONVERSATION:
        raise NotAskable("too_long")
    return texts


def _can_be_sent(text: str) -> bool:
    """JSON can escape half a character, which no page is able to show."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
