"""What a trainer reads of a line of demonstrations/."""

from dataclasses import dataclass
from typing import Any

from lm.conversations import check_conversation, unstorable_character
from lm.errors import Refused
from lm.prompt_format import Message
from lm.snapshot.records.constants import FEW_SHOT
from lm.snapshot.records.fields import check_schema, field_of


@dataclass(frozen=True)
class Demonstration:
    """A labeler's own answer to a prompt."""

    demonstration_id: int
    prompt: tuple[Message, ...]
    completion: str
    source: str = ""
    """How it came about (docs/data-contract.md), "" where the record doesn't say."""
    prompt_id: int | None = None
    few_shot: bool = False
    """Whether its prompt is an instruction, pairs of query and response as turns, and a query."""


def parse_demonstration(record: dict[str, Any]) -> Demonstration:
    """Raises Refused (without the place) when a field is missing or wrong."""
    check_schema(record)
    demonstration_id = field_of(record, "demonstration_id", int)
    return Demonstration(
        demonstration_id=demonstration_id,
        prompt=tuple(check_conversation(field_of(record, "prompt", list))),
        completion=_answer(demonstration_id, field_of(record, "completion", list)),
        source=str(record.get("source") or ""),
        prompt_id=record.get("prompt_id"),
        few_shot=record.get("prompt_source") == FEW_SHOT,
    )


def _answer(demonstration_id: int, completion: list[Any]) -> str:
    roles = [message.get("role") if isinstance(message, dict) else None for message in completion]
    if roles != ["assistant"]:
        raise Refused(f"demonstration {demonstration_id} must have a completion of exactly one assistant message")
    text: str = field_of(completion[0], "content", str)
    if problem := unstorable_character(text):
        raise Refused(f"the completion of demonstration {demonstration_id}: {problem}")
    return text
