"""Conversations, message by message."""

from collections.abc import Sequence

from labeling.models import Composition, Conversation, Message, ModelVersion
from labeling.text import clean_text


def begin_conversation(composition: Composition, *, language: str) -> Conversation:
    return Conversation.objects.create(
        composition=composition, campaign=composition.campaign, labeler=composition.labeler, language=language
    )


def message_of(
    conversation: Conversation, *, position: int, role: str, content: str, model_version: ModelVersion | None = None
) -> Message:
    """Not saved yet; by a person unless a model version is named. Raises UnstorableText."""
    return Message(
        conversation=conversation,
        position=position,
        role=role,
        content=clean_text(content),
        author_type="model" if model_version else "human",
        model_version=model_version,
    )


def as_messages(messages: Sequence[Message]) -> list[dict[str, str]]:
    """As the record format has them."""
    return [{"role": message.role, "content": message.content} for message in messages]
