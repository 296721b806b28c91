"""What was found in a file, by kind, in bounded memory: a thousand lines with one fault are one message. Pure."""

import re
from dataclasses import dataclass, field

EXAMPLES = 3
MOST_KINDS = 50
"""Kinds beyond these are counted together: nobody reads more."""
OTHERS = "other kinds"

_QUOTED = re.compile(r"“[^”]*”|'[^']*'")
_NUMBER = re.compile(r"\d[\d,]*")


@dataclass(frozen=True, kw_only=True)
class Example:
    """A place and what is said of it. `column` counts from 1, 0 where there is none."""

    line: int
    reason: str
    column: int = 0
    twin_id: int | None = None

    def __str__(self) -> str:
        column = f", column {self.column}" if self.column else ""
        return f"line {self.line}{column}: {self.reason}"


@dataclass(kw_only=True)
class Finding:
    """One kind: how many lines, and the first of them."""

    count: int = 0
    examples: list[Example] = field(default_factory=list)

    @property
    def more(self) -> int:
        return self.count - len(self.examples)


@dataclass(kw_only=True)
class Findings:
    count: int = 0
    kinds: dict[str, Finding] = field(default_factory=dict)

    def add(self, example: Example, *, lines: int = 1) -> None:
        self.count += lines
        kind = kind_of(example.reason)
        if kind not in self.kinds and len(self.kinds) >= MOST_KINDS:
            kind = OTHERS
        finding = self.kinds.setdefault(kind, Finding())
        finding.count += lines
        if len(finding.examples) < EXAMPLES:
            finding.examples.append(example)

    @property
    def examples(self) -> list[Example]:
        """All examples in the order of the file."""
        return sorted((each for kind in self.kinds.values() for each in kind.examples), key=lambda each: each.line)


def kind_of(reason: str) -> str:
    """Returns the reason without what differs from line to line: names in quotation marks, and numbers.

    >>> kind_of("It starts like line 7 of this file.") == kind_of("It starts like line 912 of this file.")
    True
    """
    return _NUMBER.sub("N", _QUOTED.sub("“…”", reason))
