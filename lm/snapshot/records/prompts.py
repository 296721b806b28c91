"""What a trainer reads of a line of prompts/, and of a line to score."""

from typing import Any

from lm.conversations import check_conversation, check_text
from lm.prompt_format import Message
from lm.snapshot.records.fields import check_schema, field_of


def parse_prompt(record: dict[str, Any]) -> tuple[Message, ...]:
    """The prompt of a line of prompts/. Raises Refused (without the place) when a field is missing or wrong."""
    check_schema(record)
    return tuple(check_conversation(field_of(record, "prompt", list)))


def parse_prompt_and_completion(record: dict[str, Any]) -> tuple[tuple[Message, ...], str]:
    """A line to score, whatever else it holds. Raises Refused (without the place) when either is missing or wrong."""
    completion = check_text("The completion", field_of(record, "completion", str))
    return tuple(check_conversation(field_of(record, "prompt", list))), completion
