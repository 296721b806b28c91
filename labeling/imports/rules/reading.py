"""From a file to rows: reads its records, recognises public formats, puts lines of one prompt together.

Nothing that a file may hold stops the reader, and its memory does not grow with the file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import BinaryIO

from labeling.imports.rules.encoding import whole_file_refusal
from labeling.imports.rules.file_records import FileRecord
from labeling.imports.rules.formats.recognised import OwnRecord, own_records
from labeling.imports.rules.formats.shape import ranked_by_score
from labeling.imports.rules.json_list import json_list_records
from labeling.imports.rules.json_records import json_records
from labeling.imports.rules.lines import BOM, lines_of
from labeling.imports.rules.records import renamed, rows_of
from labeling.imports.rules.rows import Defaults, FieldRefused, RefusedRow, Row
from labeling.imports.rules.tables import table_records

COLUMNS_FROM = 100
"""So many records say which columns a file has."""
MOST_COLUMNS = 100

Columns = dict[str, str]
"""The columns of a file, each with the beginning of a value."""


def read_prompts(
    file: BinaryIO, *, filename: str, defaults: Defaults | None = None, columns: Columns | None = None
) -> Iterator[Row | RefusedRow]:
    """Each record of a JSON, CSV or TSV file (docs/importing.md) as a row or as a refusal with its place and reason.

    `columns` is filled with the names that the first records have.
    """
    records = _file_records(file, filename)
    if columns is not None:
        records = _noting_columns(records, columns)
    return _rows(records, defaults or Defaults())


def _file_records(file: BinaryIO, filename: str) -> Iterator[FileRecord | RefusedRow]:
    head = file.read(4096)
    suffix = PurePath(filename).suffix.lower()
    if refusal := whole_file_refusal(head):
        yield RefusedRow(line=1, column=1, reason=refusal)
    elif suffix in (".csv", ".tsv"):
        yield from table_records(lines_of(file, head), is_tsv=suffix == ".tsv")
    elif head.removeprefix(BOM).lstrip()[:1] == b"[":
        yield from json_list_records(file, head)
    elif suffix in (".jsonl", ".ndjson", ".json") or head.removeprefix(BOM).lstrip()[:1] == b"{":
        yield from json_records(lines_of(file, head))
    else:
        yield RefusedRow(
            line=1,
            column=1,
            reason=f"{filename} is neither JSON nor CSV by its name; name it .jsonl, .json, .csv or .tsv.",
        )


def _noting_columns(records: Iterable[FileRecord | RefusedRow], columns: Columns) -> Iterator[FileRecord | RefusedRow]:
    for number, record in enumerate(records):
        if isinstance(record, FileRecord) and number < COLUMNS_FROM:
            for name, value in record.fields.items():
                if len(columns) < MOST_COLUMNS:
                    columns.setdefault(name, str(value)[:60])
        yield record


def _rows(records: Iterable[FileRecord | RefusedRow], defaults: Defaults) -> Iterator[Row | RefusedRow]:
    waiting: list[tuple[FileRecord, OwnRecord]] = []
    for record in records:
        if isinstance(record, RefusedRow):
            yield record
            continue
        try:
            found = own_records(renamed(record.fields, defaults))
        except FieldRefused as refused:
            yield _refused(record, refused)
            continue
        for own in found:
            # lines of one prompt wait for each other
            if waiting and not _belongs(waiting, own):
                yield from _row_of_lines(waiting, defaults)
                waiting = []
            if own.one_answer:
                waiting.append((record, own))
            else:
                yield from _row_of(record, own, defaults)
    yield from _row_of_lines(waiting, defaults)


MOST_LINES_TOGETHER = 100


def _belongs(waiting: list[tuple[FileRecord, OwnRecord]], own: OwnRecord) -> bool:
    first = waiting[0][1]
    same = all(first.fields.get(name) == own.fields.get(name) for name in ("messages", "prompt"))
    return own.one_answer and first.format == own.format and same and len(waiting) < MOST_LINES_TOGETHER


def _row_of_lines(waiting: list[tuple[FileRecord, OwnRecord]], defaults: Defaults) -> Iterator[Row | RefusedRow]:
    """One row of lines that each have one answer to the same prompt; scores become ranks."""
    if not waiting:
        return
    record, first = waiting[0]
    answers = [answer for _, own in waiting for answer in own.fields["completions"]]  # type: ignore[attr-defined]
    if all("score" in answer for answer in answers):
        answers = ranked_by_score(answers)
    yield from _row_of(record, replace(first, fields={**first.fields, "completions": answers}), defaults)


def _row_of(record: FileRecord, own: OwnRecord, defaults: Defaults) -> Iterator[Row | RefusedRow]:
    try:
        yield from rows_of(own, line=record.line, last_line=record.last_line, defaults=defaults)
    except FieldRefused as refused:
        yield _refused(record, refused)


def _refused(record: FileRecord, refused: FieldRefused) -> RefusedRow:
    return RefusedRow(line=record.line, column=record.column_of(refused.field), reason=str(refused))
