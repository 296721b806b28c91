"""Whether messages are a prompt: roles take turns, texts can be kept, and the last one is a user's."""

from collections.abc import Mapping, Sequence

from labeling.base.refusals import PromptRefused
from labeling.base.text import UnstorableText, clean_answer, clean_text
from lm.prompt_format import Message

KEYS = ("role", "content")


def check_messages(messages: Sequence[Mapping[str, object]]) -> list[Message]:
    """Returns the messages as they are stored. Raises PromptRefused, naming the message (from 1) and what is wrong."""
    if not messages:
        raise PromptRefused("There are no messages; a prompt needs at least one user message.")
    clean: list[Message] = []
    for number, message in enumerate(messages, start=1):
        clean.append(_check_message(number, message, previous=clean[-1]["role"] if clean else None))
    if clean[-1]["role"] != "user":
        raise PromptRefused(f"The last message is from the {clean[-1]['role']}; a prompt must end with a user message.")
    return clean


def _check_message(number: int, message: Mapping[str, object], *, previous: str | None) -> Message:
    if not isinstance(message, Mapping):
        raise PromptRefused(f"Message {number} is not an object with a role and a content.")
    unknown = [str(key) for key in message if key not in KEYS]
    if unknown:
        raise PromptRefused(
            f"Message {number} has the key “{unknown[0]}”, for which there is no place; a message has "
            f"{' and '.join(KEYS)}."
        )
    role, content = message.get("role"), message.get("content")
    if role not in ("system", "user", "assistant"):
        raise PromptRefused(f"Message {number} has the role {role!r}; it must be system, user or assistant.")
    if not isinstance(content, str) or not content.strip():
        raise PromptRefused(f"Message {number} has no text.")
    if role == "system" and number > 1:
        raise PromptRefused(f"Message {number} is a system message; only the first message may be one.")
    if role == previous:
        raise PromptRefused(f"Messages {number - 1} and {number} are both from the {role}; turns must alternate.")
    if role == "assistant" and previous != "user":
        raise PromptRefused(f"Message {number} is from the assistant, but no user message comes before it.")
    try:
        text = clean_answer(content) if role == "assistant" else clean_text(content)
        return Message(role=str(role), content=text)
    except UnstorableText as unstorable:
        raise PromptRefused(f"Message {number}: {unstorable}") from unstorable
