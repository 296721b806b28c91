"""What the records of rankings, demonstrations and prompts have in common (docs/data-contract.md)."""

from lm.prompt_format import Message

ROWS_AT_ONCE = 500
"""Measured: 100 cost 4% more processor time, 2,000 save 10% and hold 17 MB of completions (benchmarks/export.py)."""


def messages_of(messages: list[dict[str, str]]) -> list[Message]:
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def answer(text: str) -> list[Message]:
    return [{"role": "assistant", "content": text}]


def pseudonym(labeler_id: int) -> str:
    return f"L{labeler_id}"  # Labeler.pseudonym, without loading the labeler
