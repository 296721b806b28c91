"""One JSON list of objects, as Label Studio exports it, read object by object in bounded memory. Pure."""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from labeling.imports.rules.file_records import FileRecord
from labeling.imports.rules.json_records import json_record
from labeling.imports.rules.lines import BOM, LONGEST_LINE
from labeling.imports.rules.rows import RefusedRow

CHUNK = 1 << 16
FOLLOWED = "Something follows the JSON list; a file holds one list, or an object a line."
_MARKS = re.compile(r'["\\{}\[\]]')


def json_list_records(file: BinaryIO, head: bytes) -> Iterator[FileRecord | RefusedRow]:
    """Each object of the list as a record; a broken one spoils no other. `head` was read of the file already."""
    objects = _ListedObjects()
    number = 1
    try:
        for number, piece in _pieces(file, head.removeprefix(BOM)):
            for begun, found in objects.add(number, piece):
                yield json_record(found, line=begun)
            if objects.size > LONGEST_LINE:
                yield RefusedRow(
                    line=objects.begun, column=1, reason=f"The object is longer than {LONGEST_LINE:,} characters."
                )
                objects.drop()
            if objects.problem:
                yield RefusedRow(line=number, column=1, reason=objects.problem)
                return
    except UnicodeDecodeError as error:
        reason = f"After line {number} come bytes that are no UTF-8 ({error.reason}). Save the file as UTF-8."
        yield RefusedRow(line=number, column=1, reason=reason)
        return
    if not objects.is_closed:
        yield RefusedRow(line=objects.begun or number, column=1, reason="The JSON list is never closed.")


def _pieces(file: BinaryIO, head: bytes) -> Iterator[tuple[int, str]]:
    """(line, text) of pieces that end at line ends or anywhere else. Raises UnicodeDecodeError."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    number, raw = 1, head
    while raw:
        for piece in decoder.decode(raw).splitlines(keepends=True):
            yield number, piece
            number += piece.endswith("\n")
        raw = file.read(CHUNK)
    decoder.decode(b"", final=True)


class _ListedObjects:
    """Finds the objects of a list. `size`: characters of the object that is still open; `begun`: its line."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._skip = 0
        self._pieces: list[str] = []
        self._start = 0
        self._outside = 0
        self.size = 0
        self.begun = 0
        self.is_closed = False
        self.problem = ""

    def drop(self) -> None:
        """The open object is too long; what belongs to it is read past."""
        self._pieces, self.size = [], 0

    def add(self, number: int, text: str) -> Iterator[tuple[int, str]]:
        """Yields each object that ends in this piece, with the line at which it began."""
        if self.is_closed and text.strip():
            self.problem = FOLLOWED
        self._start = self._outside = 0
        position, self._skip = self._skip, 0
        while not self.problem and (mark := _MARKS.search(text, position)) is not None:
            position = mark.end()
            if self._depth == 1:
                self._refuse_between(text[self._outside : mark.start()], mark[0])
            if self._in_string or mark[0] in '"\\':
                position += self._in_string and mark[0] == "\\"  # what is escaped ends no string
                self._in_string = self._in_string != (mark[0] == '"')
            elif mark[0] in "{[":
                self._open(number, mark)
            elif found := self._close(text, position):
                yield found
        self._skip = max(0, position - len(text))
        if self._depth == 1:
            self._refuse_between(text[self._outside :], "{")
        elif self._depth > 1 and self._pieces:
            self._pieces.append(text[self._start :])
            self.size += len(text) - self._start

    def _refuse_between(self, text: str, mark: str) -> None:
        """Between the objects of a list stand commas and white space."""
        if text.strip(" \t\r\n,") or mark not in "{]":
            self.problem = "The JSON list holds something that is no object in { and }."

    def _open(self, number: int, mark: re.Match[str]) -> None:
        self._depth += 1
        self._outside = mark.end()
        if self._depth == 2:
            self._start, self.begun, self._pieces, self.size = mark.start(), number, [""], 0

    def _close(self, text: str, end: int) -> tuple[int, str] | None:
        """The object that ends here, if one does."""
        self._depth -= 1
        self._outside = end
        if self._depth <= 0:
            self.is_closed = True
            if text[end:].strip():
                self.problem = FOLLOWED
        if self._depth != 1 or not self._pieces:
            return None
        found = "".join(self._pieces) + text[self._start : end]
        self._pieces, self.size = [], 0
        return self.begun, found
