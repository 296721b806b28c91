"""The messages of a prompt or a dialogue, and how they are shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from labeling.base.markdown import TEXT_HEADINGS_FROM, raw_text, render_markdown
from lm.prompt_format import Message


@dataclass(frozen=True, kw_only=True)
class Turn:
    role: str
    html: str
    raw: str
    """As it was written, also safe HTML."""


def turns_of(messages: Sequence[Message]) -> list[Turn]:
    return [
        Turn(
            role=message["role"],
            html=render_markdown(message["content"], headings_from=TEXT_HEADINGS_FROM),
            raw=raw_text(message["content"]),
        )
        for message in messages
    ]
