"""JSON from outside, with its nesting bounded: Python's own limit is met only where it can't be answered any more."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

DEEPEST = 32
"""Drafts nest 2 deep, what the API takes 6."""


class BoundedJSONParser(JSONParser):
    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            parsed = super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError(TOO_DEEP) from None
        if not nests_at_most(parsed, DEEPEST):
            raise ParseError(TOO_DEEP)
        return parsed


TOO_DEEP = f"The JSON is nested too deeply: more than {DEEPEST} levels. Send it flatter."


def nests_at_most(value: object, deepest: int) -> bool:
    """Whether objects and lists lie at most so deep in each other; without recursion."""
    level = [value]
    for _depth in range(deepest + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False
