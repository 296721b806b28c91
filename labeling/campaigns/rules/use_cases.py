"""Use cases that own prompts are written for, each with the code of its language."""

from collections.abc import Sequence
from typing import TypedDict


class UseCaseStatement(TypedDict):
    language: str
    text: str


def statements_in(statements: Sequence[UseCaseStatement], language: str | None = None) -> list[str]:
    """The texts in that language where there are any, otherwise all."""
    everything = [each["text"] for each in statements]
    return [each["text"] for each in statements if each["language"] == language] or everything
