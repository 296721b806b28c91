"""The lines of an import file, in bounded memory, each with its number. Pure."""

from collections.abc import Iterator
from typing import BinaryIO

from labeling.imports.rules.encoding import wrong_bytes_refusal
from labeling.imports.rules.rows import RefusedRow

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes. Longer lines are read past, not into memory."""

BOM = b"\xef\xbb\xbf"

Lines = Iterator[tuple[int, bytes]]


def lines_of(file: BinaryIO, head: bytes) -> Lines:
    """Yields (number, line) with line ends; an overlong line comes as its first LONGEST_LINE + 1 bytes.

    `head` is what was read of the file already.
    """
    rest = head.removeprefix(BOM)
    number = 0
    while True:
        number += 1
        line, newline, rest = rest.partition(b"\n")
        line += newline
        if not newline:
            line += file.readline(LONGEST_LINE + 1 - len(line)) if len(line) <= LONGEST_LINE else b""
            _skip_to_line_end(file, line)
        if not line:
            return
        yield number, line


def _skip_to_line_end(file: BinaryIO, line: bytes) -> None:
    more = line
    while more and not more.endswith(b"\n") and len(line) > LONGEST_LINE:
        more = file.readline(LONGEST_LINE)


def decoded(number: int, raw: bytes) -> str | RefusedRow:
    """Returns the line as text without its line end, or why it can't be read."""
    if len(raw) > LONGEST_LINE:
        return RefusedRow(line=number, column=1, reason=f"The line is longer than {LONGEST_LINE:,} bytes.")
    try:
        return raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        column, reason = wrong_bytes_refusal(raw, error)
        return RefusedRow(line=number, column=column, reason=reason)
