"""Text as people typed it, made safe to store, and how long it may be in characters. Pure."""

from lm.conversations import unstorable_character
from lm.white_space import kept_answer

LONGEST_ANSWER = 100_000
"""A demonstration, or the answer that a labeler writes to a prompt of their own."""
LONGEST_TURN = 20_000
"""One turn of a conversation, or a prompt that a labeler writes: longer than any that a labeler ever published, and far
under what a draft may hold."""
LONGEST_ERROR = 2000
"""Of an exception's text, the beginning that is kept beside what failed."""


class UnstorableText(ValueError):
    """The text holds characters that no database text can hold."""


def clean_text(text: str) -> str:
    """The same text with \\r\\n and \\r line ends as \\n; nothing else changes.

    Raises UnstorableText for NUL and lone surrogates, with the position (from 1), because Postgres refuses them.
    """
    if problem := unstorable_character(text):
        raise UnstorableText(problem)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def whole_number(text: str, *, highest: int = 1_000_000) -> int | None:
    """The number that a form or an address holds, from 0; None for anything else, however long its digits are."""
    if not text.isdecimal() or len(text) > len(str(highest)):
        return None
    number = int(text)
    return number if number <= highest else None


def clean_answer(text: str) -> str:
    """Returns an answer as it is stored, whoever wrote it: by the one rule for white space (lm/white_space.py).

    Raises UnstorableText.
    """
    return kept_answer(clean_text(text))
