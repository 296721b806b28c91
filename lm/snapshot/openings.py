"""How a conversation begins. What begins alike must not be trained on and tested on."""

import hashlib
import unicodedata
from collections.abc import Sequence

from lm.prompt_format import Message

HALVES = {"first": "^.{15}[02468ace]", "second": "^.{15}[13579bdf]"}
"""The keys of each half of a split, as patterns: those whose first 8 bytes are an even number, and an odd one. A prompt
is in the same half of every snapshot.
"""


def normalise(text: str) -> str:
    """Unicode NFKC, case folded, every run of white space one blank."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def opening_key(messages: Sequence[Message]) -> str:
    """Hex sha256 of the first user turn, normalised: a dialogue and its continuation have the same.

    System messages are left out: the same question to another persona is the same question.
    """
    first = next((message["content"] for message in messages if message["role"] == "user"), "")
    return hashlib.sha256(normalise(first).encode()).hexdigest()
