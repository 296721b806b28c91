"""Reads JSONL and CSV line by line; nothing that a file may hold stops the reader."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath
from typing import BinaryIO

from labeling.imports.rules.encoding import whole_file_refusal, wrong_bytes_refusal
from labeling.imports.rules.records import rows_of
from labeling.imports.rules.rows import Defaults, FieldRefused, RefusedRow, Row

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes. Longer lines are read past, not into memory."""

BOM = b"\xef\xbb\xbf"
DELIMITERS = ",;\t"

Lines = Iterator[tuple[int, bytes]]


def read_prompts(file: BinaryIO, *, filename: str, defaults: Defaults | None = None) -> Iterator[Row | RefusedRow]:
    """Each line of a .jsonl or .csv file (docs/importing.md) as a row or as a refusal with its place and reason."""
    head = file.read(4096)
    reader = _reader_for(PurePath(filename).suffix.lower(), head)
    if refusal := whole_file_refusal(head):
        yield RefusedRow(line=1, column=1, reason=refusal)
    elif reader is None:
        yield RefusedRow(
            line=1, column=1, reason=f"{filename} is neither JSONL nor CSV by its name; name it .jsonl, .csv or .tsv."
        )
    else:
        yield from reader(_lines(file, head), defaults or Defaults())


def _reader_for(suffix: str, head: bytes) -> Callable[[Lines, Defaults], Iterator[Row | RefusedRow]] | None:
    if suffix in (".csv", ".tsv"):
        return _read_csv
    if suffix in (".jsonl", ".ndjson", ".json") or head.removeprefix(BOM).lstrip()[:1] in (b"{", b"["):
        return _read_jsonl
    return None


def _lines(file: BinaryIO, head: bytes) -> Lines:
    """(number, line) with line ends; an overlong line comes as its first LONGEST_LINE + 1 bytes."""
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


def _read_jsonl(lines: Lines, defaults: Defaults) -> Iterator[Row | RefusedRow]:
    for number, raw in lines:
        text = _decoded(number, raw)
        if isinstance(text, RefusedRow):
            yield text
        elif number == 1 and text.lstrip().startswith("["):
            yield RefusedRow(
                line=1, column=1, reason="This is one JSON list. Write one object a line, as `jq -c '.[]' FILE` does."
            )
            return
        elif text.strip():
            yield from _rows_of_json(number, text, defaults)


def _decoded(number: int, raw: bytes) -> str | RefusedRow:
    if len(raw) > LONGEST_LINE:
        return RefusedRow(line=number, column=1, reason=f"The line is longer than {LONGEST_LINE:,} bytes.")
    try:
        return raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        column, reason = wrong_bytes_refusal(raw, error)
        return RefusedRow(line=number, column=column, reason=reason)


def _rows_of_json(number: int, text: str, defaults: Defaults) -> Iterator[Row | RefusedRow]:
    try:
        record = json.loads(text, object_pairs_hook=_without_repeats)
        if not isinstance(record, dict):
            yield RefusedRow(line=number, column=1, reason="The line is JSON, but no object in { and }.")
            return
        yield from rows_of(record, line=number, defaults=defaults)
    except json.JSONDecodeError as error:
        yield RefusedRow(line=number, column=error.colno, reason=f"Broken JSON: {error.msg}.")
    except FieldRefused as refused:
        yield RefusedRow(line=number, column=_column_of(refused.field, text), reason=str(refused))
    except RecursionError:
        yield RefusedRow(line=number, column=1, reason="The JSON is nested too deeply to be read.")
    except ValueError as error:  # a number of thousands of digits
        yield RefusedRow(line=number, column=1, reason=f"The JSON can't be read: {error}.")


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise FieldRefused(f"The field “{repeated}” is there twice.", field=repeated)
    return record


def _column_of(field: str | None, text: str) -> int:
    return text.find(f'"{field}"') + 1 or 1


def _read_csv(lines: Lines, defaults: Defaults) -> Iterator[Row | RefusedRow]:
    source = _CsvLines(lines)
    header_line = next(source, "")
    header = _header(header_line)
    if isinstance(header, RefusedRow):
        yield header
    else:
        yield from _rows_of_csv(source, header, _delimiter(header_line), defaults)


def _header(line: str) -> list[str] | RefusedRow:
    try:
        names = [name.strip() for name in next(csv.reader([line], delimiter=_delimiter(line)), [])]
    except csv.Error as error:  # line ends of old Macs, for one
        return RefusedRow(line=1, column=1, reason=f"The header can't be read: {error}.")
    if not any(names):
        return RefusedRow(line=1, column=1, reason="The file has no header: its first line must name the columns.")
    for column, name in enumerate(names, start=1):
        if name in names[: column - 1]:
            return RefusedRow(line=1, column=column, reason=f"The column “{name}” is there twice.")
    return names


def _rows_of_csv(
    source: "_CsvLines", header: list[str], delimiter: str, defaults: Defaults
) -> Iterator[Row | RefusedRow]:
    csv.field_size_limit(LONGEST_LINE)
    records = csv.reader(source, delimiter=delimiter, strict=True)
    while True:
        line = source.number + 1
        try:
            values = next(records)
            if values:
                yield from rows_of(_csv_record(header, values, source), line=line, defaults=defaults)
        except StopIteration:
            return
        except FieldRefused as refused:
            column = header.index(refused.field) + 1 if refused.field in header else 1
            yield RefusedRow(line=line, column=column, reason=str(refused))
        except csv.Error as error:
            reason = f"Broken CSV: {error}. A field with quotes or line ends stands in quotes; its own are doubled."
            yield RefusedRow(line=line, column=1, reason=reason)


def _csv_record(header: list[str], values: list[str], source: "_CsvLines") -> dict[str, str]:
    """Empty fields count as absent."""
    if wrong := source.take_wrong_bytes():
        raise FieldRefused(wrong)
    if len(values) != len(header):
        raise FieldRefused(f"It has {len(values)} fields, but the header names {len(header)} columns.")
    return {name: value for name, value in zip(header, values, strict=True) if value}


def _delimiter(header: str) -> str:
    """The comma, the semicolon (Excel in many countries) or the tab, whichever the header has most of."""
    return max(DELIMITERS, key=header.count)


class _CsvLines(Iterable[str]):
    """Decoded lines for csv.reader, which may join several into one record; wrong bytes are kept for its refusal."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._wrong: str | None = None
        self.number = 0

    def __iter__(self) -> "_CsvLines":
        return self

    def __next__(self) -> str:
        self.number, raw = next(self._lines)
        text = _decoded(self.number, raw)
        if isinstance(text, str):
            return raw.decode("utf-8")  # with its line end, which may be inside a field
        self._wrong = self._wrong or text.reason
        return raw[:LONGEST_LINE].decode("utf-8", errors="replace")

    def take_wrong_bytes(self) -> str | None:
        wrong, self._wrong = self._wrong, None
        return wrong
