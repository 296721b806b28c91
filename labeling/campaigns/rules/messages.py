"""Whether messages are a prompt, as they are stored."""

from collections.abc import Mapping, Sequence

from labeling.base.refusals import PromptRefused
from labeling.base.text import clean_answer, clean_text
from lm.conversations import InvalidConversation, check_conversation
from lm.prompt_format import Message


def check_messages(messages: Sequence[Mapping[str, object]]) -> list[Message]:
    """The messages as they are stored. Raises PromptRefused, naming the message (from 1)."""
    try:
        checked = check_conversation(messages)
    except InvalidConversation as invalid:
        raise PromptRefused(str(invalid)) from invalid
    return [_stored(message) for message in checked]


def _stored(message: Message) -> Message:
    clean = clean_answer if message["role"] == "assistant" else clean_text
    return Message(role=message["role"], content=clean(message["content"]))
