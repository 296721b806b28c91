"""A record as a file has it: its fields, its lines, and where each field stands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """`column_of` gives the column (from 1) of a field, 1 where the field is unknown or None."""

    line: int
    fields: Mapping[str, object]
    column_of: Callable[[str | None], int]
    last_line: int | None = None
    """Of a record of a CSV file that spans several lines."""
