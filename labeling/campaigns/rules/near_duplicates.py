"""When two prompts are near-duplicates. Pure.

InstructGPT §3.2: "we heuristically deduplicate prompts by checking for prompts that share a long common prefix"; the
length is not given. Here: the first 200 columns of the normalised text, where a wide character (CJK) takes two columns.
"""

import hashlib
import unicodedata
from collections.abc import Sequence

from lm.prompt_format import Message
from lm.snapshot.openings import normalise

PREFIX_COLUMNS = 200


def prefix(text: str, columns: int = PREFIX_COLUMNS) -> str:
    """The longest start of `text` that fits into so many columns."""
    used = 0
    for position, character in enumerate(text):
        used += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used > columns:
            return text[:position]
    return text


def prompt_key(messages: Sequence[Message], *, whole: bool = False) -> str:
    """Hex sha256 that two prompts share if and only if they are near-duplicates.

    System messages are left out: prompts of one product share theirs without being duplicates. With `whole` two prompts
    share it only if all of their normalised text is the same, system messages included.
    """
    turns = [f"{message['role']}: {message['content']}" for message in messages if whole or message["role"] != "system"]
    text = normalise("\n".join(turns))
    return hashlib.sha256((text if whole else prefix(text)).encode()).hexdigest()
