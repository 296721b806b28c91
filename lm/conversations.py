"""Whether messages are a conversation that a model can answer: the one check behind every way in.

Imports, labelers' own writing, the API, `score` and a snapshot's records all ask here, so that none takes what another
refuses.
"""

import re
from collections.abc import Mapping, Sequence

from lm.errors import Refused
from lm.prompt_format import SPEAKERS, Message

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_KEYS = ("role", "content")


class InvalidConversation(Refused):
    """The messages are no conversation that ends with a user's turn; the reason names the message, from 1."""


def check_conversation(messages: object) -> list[Message]:
    """Returns the messages as they stand. Raises InvalidConversation."""
    if not isinstance(messages, Sequence) or isinstance(messages, str):
        raise InvalidConversation("The messages are no list; a prompt is a list of objects with a role and a content.")
    if not messages:
        raise InvalidConversation("There are no messages; a prompt needs at least one user message.")
    checked: list[Message] = []
    for number, message in enumerate(messages, start=1):
        checked.append(_check_message(number, message, previous=checked[-1]["role"] if checked else None))
    if checked[-1]["role"] != "user":
        raise InvalidConversation(
            f"The last message is from the {checked[-1]['role']}; a prompt must end with a user message."
        )
    return checked


def check_text(name: str, text: object) -> str:
    """Returns the text. Raises InvalidConversation unless it says something and every character can be stored."""
    if not isinstance(text, str) or not text.strip():
        raise InvalidConversation(f"{name} has no text.")
    if problem := unstorable_character(text):
        raise InvalidConversation(f"{name}: {problem}")
    return text


def unstorable_character(text: str) -> str:
    """Names the first NUL or lone surrogate, which neither UTF-8 nor Postgres can hold; "" where there is none."""
    found = _UNSTORABLE.search(text)
    if found is None:
        return ""
    return (
        f"Character {found.start() + 1} is U+{ord(found.group()):04X}, which can't be stored. Remove it and try again."
    )


def _check_message(number: int, message: object, *, previous: str | None) -> Message:
    name = f"Message {number}"
    if not isinstance(message, Mapping):
        raise InvalidConversation(f"{name} is not an object with a role and a content.")
    if unknown := [str(key) for key in message if key not in _KEYS]:
        raise InvalidConversation(
            f"{name} has the key “{unknown[0]}”, for which there is no place; a message has {' and '.join(_KEYS)}."
        )
    role = message.get("role")
    if not isinstance(role, str) or role not in SPEAKERS:
        raise InvalidConversation(f"{name} has the role {role!r}; it must be system, user or assistant.")
    content = check_text(name, message.get("content"))
    if role == "system" and number > 1:
        raise InvalidConversation(f"{name} is a system message; only the first message may be one.")
    if role == previous:
        raise InvalidConversation(f"Messages {number - 1} and {number} are both from the {role}; turns must alternate.")
    if role == "assistant" and previous != "user":
        raise InvalidConversation(f"{name} is from the assistant, but no user message comes before it.")
    return Message(role=role, content=content)
