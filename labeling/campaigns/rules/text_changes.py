"""What changed between two versions of a text, line by line. Pure."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Change:
    kind: Literal["added", "removed"]
    text: str


def changed_lines(old: str, new: str) -> list[Change]:
    """Lines that went and lines that came, in the order of the text; a changed line is one of each.

    >>> changed_lines("Be kind.\\nBe brief.", "Be kind.\\nBe clear.")
    [Change(kind='removed', text='Be brief.'), Change(kind='added', text='Be clear.')]
    """
    before, after = _lines(old), _lines(new)
    changes: list[Change] = []
    for _, start, end, new_start, new_end in SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
        if before[start:end] != after[new_start:new_end]:
            changes += [Change(kind="removed", text=line) for line in before[start:end]]
            changes += [Change(kind="added", text=line) for line in after[new_start:new_end]]
    return changes


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
