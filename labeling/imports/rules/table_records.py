"""The records of a CSV or TSV file: which lines each covers, and which can't be read. Pure.

CSV is RFC 4180: a field may stand in quotation marks, and then holds delimiters, line ends and doubled quotation marks.
A quotation mark that is never closed must not swallow the rest of the file: the record is refused with the lines that
it would cover, and reading goes on at the line after its first.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from labeling.imports.rules.lines import LONGEST_LINE, Lines, decoded
from labeling.imports.rules.rows import RefusedRow

MOST_LINES = 10_000
"""Of one record. A quotation mark that stays open for longer was hardly meant."""
MOST_LINES_READ_AGAIN = 1_000_000
"""Of one file, after broken records. It bounds the time that a file of open quotation marks can take."""

_INSIDE_QUOTES = re.compile(r'(?:[^"]|"")*')


@dataclass(frozen=True, kw_only=True)
class TableRecord:
    """The fields of the lines `line` to `last_line`."""

    line: int
    last_line: int
    values: list[str]


def tsv_records(lines: Lines) -> Iterator[TableRecord | RefusedRow]:
    """TSV has no quotation: a line is a record, and a quotation mark is a character like any other."""
    for number, raw in lines:
        text = decoded(number, raw)
        if isinstance(text, RefusedRow):
            yield text
        elif text:
            yield TableRecord(line=number, last_line=number, values=text.split("\t"))


def csv_records(lines: Lines, *, delimiter: str) -> Iterator[TableRecord | RefusedRow]:
    """Each record, or why the line at which it begins can't be read."""
    source = _LinesReadAgain(lines)
    while (first := source.next()) is not None:
        if source.read_again > MOST_LINES_READ_AGAIN:
            yield RefusedRow(
                line=first[0],
                column=1,
                reason="Broken CSV: so many quotation marks of this file are open that reading stops here. Quote "
                "fields that hold quotation marks and double theirs, or save the file as TSV.",
            )
            return
        if first[1].strip(b"\r\n"):
            yield _record(first, source, delimiter)


def _record(first: tuple[int, bytes], source: "_LinesReadAgain", delimiter: str) -> TableRecord | RefusedRow:
    fields = _Fields(delimiter)
    number, raw = first
    size, taken = 0, [first]
    while True:
        text = decoded(number, raw)
        if isinstance(text, RefusedRow):
            source.put_back(taken[1:])
            return (
                text
                if number == first[0]
                else _broken(first[0], number, fields, f"spans line {number}, which can't be read: {text.reason}")
            )
        end = raw.decode("utf-8")[len(text) :]
        if problem := fields.add(text):
            source.put_back(taken[1:])
            return _broken(first[0], number, fields, problem)
        if not fields.is_open:
            return TableRecord(line=first[0], last_line=number, values=fields.values)
        size += len(raw)
        following = source.next() if len(taken) < MOST_LINES and size <= LONGEST_LINE else None
        if following is None:
            source.put_back(taken[1:])
            return _broken(first[0], number, fields, "is never closed")
        fields.open_text += end
        taken.append(following)
        number, raw = following


def _broken(first: int, last: int, fields: "_Fields", problem: str) -> RefusedRow:
    column = len(fields.values) + 1
    covered = f"lines {first} to {last}" if last > first else f"line {first}"
    goes_on = f" Reading goes on at line {first + 1}." if last > first else ""
    return RefusedRow(
        line=first,
        column=column,
        reason=f"Broken CSV: the quotation mark that opens field {column} {problem} ({covered} would be one record). "
        f"A field with quotation marks or line ends stands in quotation marks, and its own are doubled.{goes_on}",
    )


class _Fields:
    """The fields of one record, line by line. `is_open`: the last one goes on in the next line."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self.values: list[str] = []
        self.open_text = ""
        self.is_open = False

    def add(self, text: str) -> str | None:
        """Reads one line. Returns what is wrong with the open quotation mark, if anything is."""
        position = 0
        while True:
            if not self.is_open:
                if text[position : position + 1] != '"':
                    end = text.find(self._delimiter, position)
                    self.values.append(text[position:] if end < 0 else text[position:end])
                    if end < 0:
                        return None
                    position = end + 1
                    continue
                self.is_open, position = True, position + 1
            inside = _INSIDE_QUOTES.match(text, position)
            assert inside is not None  # it matches the empty text as well
            self.open_text += inside[0].replace('""', '"')
            position = inside.end()
            if position == len(text):
                return None  # the field goes on in the next line
            position += 1
            if text[position : position + 1] not in ("", self._delimiter):
                return f"is closed before the field's end, at character {position} of a line"
            self.values.append(self.open_text)
            self.is_open, self.open_text = False, ""
            if position == len(text):
                return None
            position += 1


class _LinesReadAgain:
    """Lines, some of which are read a second time. `read_again` counts those."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._again: deque[tuple[int, bytes]] = deque()
        self.read_again = 0

    def next(self) -> tuple[int, bytes] | None:
        return self._again.popleft() if self._again else next(self._lines, None)

    def put_back(self, lines: list[tuple[int, bytes]]) -> None:
        self._again.extendleft(reversed(lines))
        self.read_again += len(lines)
