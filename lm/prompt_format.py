r"""How a conversation is written out for a model without a chat template (a base model).

Byte for byte: every message is its speaker's name, `": "` and its content; messages are separated by one empty line;
the text ends where the assistant speaks next, without a space behind the colon:

    System: Answer briefly.\n\nUser: What is 2 + 2?\n\nAssistant: 4\n\nUser: And 3 + 3?\n\nAssistant:

A completion is what the model writes from there until it starts somebody's next turn (`"\n\nUser:"`, …), without the
blank behind the colon and the white space that nobody sees (lm/white_space.py). Samplers ask for completions in this
format, and trainers read them in it.
"""

from collections.abc import Sequence
from typing import TypedDict

from lm.errors import UnusablePrompt
from lm.white_space import kept_answer


class Message(TypedDict):
    """One turn of a conversation, as records on disk have it. `role` is system, user or assistant."""

    role: str
    content: str


SPEAKERS = {"system": "System", "user": "User", "assistant": "Assistant"}
TURN_SEPARATOR = "\n\n"
NEXT_TURN_MARKERS = tuple(f"{TURN_SEPARATOR}{speaker}:" for speaker in SPEAKERS.values())


def plain_conversation(messages: Sequence[Message]) -> str:
    """Returns all messages written out, the last one included; nothing follows it. Raises UnusablePrompt."""
    return TURN_SEPARATOR.join(f"{_speaker(message)}: {message['content']}" for message in messages)


def plain_prompt(messages: Sequence[Message]) -> str:
    """Returns all messages written out, and then the assistant's turn begun. Raises UnusablePrompt."""
    return f"{plain_conversation(messages)}{TURN_SEPARATOR}{SPEAKERS['assistant']}:"


def plain_completion(generated: str) -> str:
    """Returns the assistant's turn out of the text that a model wrote behind `plain_prompt`."""
    ends = [end for marker in NEXT_TURN_MARKERS if (end := generated.find(marker)) >= 0]
    # A model writes the one blank behind the colon itself; more than it is the answer's own indentation.
    return kept_answer(generated[: min(ends, default=len(generated))].removeprefix(" "))


def _speaker(message: Message) -> str:
    role = message["role"]
    if role not in SPEAKERS:
        raise UnusablePrompt(f"A message has the role {role!r}; known roles are {', '.join(SPEAKERS)}")
    return SPEAKERS[role]
