"""From a file to rows: reads its records, recognises public formats, puts lines of one prompt together.

Nothing that a file may hold stops the reader, and its memory does not grow with the file.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import BinaryIO

from labeling.imports.rules.encoding import whole_file_refusal
from labeling.imports.rules.file_records import FileRecord
from labeling.imports.rules.formats.recognised import OwnRecord, own_records
from labeling.imports.rules.formats.shape import ranked_by_score
from labeling.imports.rules.json_list import json_list_records
from labeling.imports.rules.json_records import json_records
from labeling.imports.rules.lines import BOM, lines_of
from labeling.imports.rules.lines_of_one_prompt import (
    MOST_LINES_TOGETHER,
    LinesOfOnePrompt,
    Together,
    lines_of_one_prompt,
)
from labeling.imports.rules.parquet_records import MAGIC, parquet_records
from labeling.imports.rules.records import renamed, rows_of
from labeling.imports.rules.rows import Defaults, FieldRefused, RefusedRow, Row
from labeling.imports.rules.tables import table_records

COLUMNS_FROM = 100
"""So many records say which columns a file has."""
MOST_COLUMNS = 100


@dataclass(kw_only=True)
class Reading:
    """What is known of a file while it is read.

    `columns` are those of the first records, each with the beginning of a value. `records` were read, of which
    `waiting` wait for others of their prompt. `each` is called before each record is read or put together, and may stop
    the reading with an exception.
    """

    columns: dict[str, str] = field(default_factory=dict)
    records: int = 0
    waiting: int = 0
    each: Callable[[], None] = lambda: None

    def bytes_done(self, position: int) -> int:
        """How far a file is that was read up to `position`; what waits is half done."""
        return position - position * self.waiting // (2 * self.records) if self.waiting else position


def read_prompts(
    file: BinaryIO, *, filename: str, defaults: Defaults | None = None, reading: Reading | None = None
) -> Iterator[Row | RefusedRow]:
    """Each record of a file (docs/importing.md) as a row or as a refusal with its place and reason.

    Lines with one answer each come last, put together by their prompt.
    """
    reading = reading or Reading()
    records = _noting_columns(_file_records(file, filename), reading.columns)
    return _rows(records, defaults or Defaults(), reading)


def _file_records(file: BinaryIO, filename: str) -> Iterator[FileRecord | RefusedRow]:
    head = file.read(4096)
    suffix = PurePath(filename).suffix.lower()
    if head.startswith(MAGIC):
        yield from parquet_records(file)
    elif refusal := whole_file_refusal(head):
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
            reason=f"{filename} is no Parquet, and neither JSON nor CSV by its name; name it .jsonl, .json, .csv or "
            ".tsv.",
        )


def _noting_columns(
    records: Iterable[FileRecord | RefusedRow], columns: dict[str, str]
) -> Iterator[FileRecord | RefusedRow]:
    for number, record in enumerate(records):
        if isinstance(record, FileRecord) and number < COLUMNS_FROM:
            for name, value in record.fields.items():
                if len(columns) < MOST_COLUMNS:
                    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
                    columns.setdefault(name, written[:60])
        yield record


def _rows(
    records: Iterable[FileRecord | RefusedRow], defaults: Defaults, reading: Reading
) -> Iterator[Row | RefusedRow]:
    with lines_of_one_prompt() as waiting:
        for record in records:
            reading.each()
            reading.records += 1
            if isinstance(record, RefusedRow):
                yield record
            else:
                yield from _rows_of(record, waiting, defaults)
                reading.waiting = waiting.count
        for together in waiting.taken_out():
            reading.each()
            yield from _row_of_lines(together, defaults)
            reading.waiting = waiting.count


def _rows_of(record: FileRecord, waiting: LinesOfOnePrompt, defaults: Defaults) -> Iterator[Row | RefusedRow]:
    """The rows of a record, but for one answer alone, which waits for others to the same prompt."""
    try:
        for own in own_records(renamed(record.fields, defaults)):
            if own.one_answer:
                waiting.add(record, own)
            else:
                yield from _row_of(record, own, defaults)
    except FieldRefused as refused:
        yield _refused(record, refused)
    except RecursionError:
        yield RefusedRow(line=record.line, column=1, reason="The JSON is nested too deeply to be read.")


def _row_of_lines(together: Together, defaults: Defaults) -> Iterator[Row | RefusedRow]:
    """One row of lines that each have one answer to the same prompt; scores become ranks."""
    record, first = together.lines[0]
    answers = [answer for _, own in together.lines for answer in own.fields["completions"]]  # type: ignore[attr-defined]
    if all("score" in answer for answer in answers):
        answers = ranked_by_score(answers)
    own = replace(first, fields={**first.fields, "completions": answers})
    if together.count > len(together.lines):
        refused = FieldRefused(f"At most {MOST_LINES_TOGETHER} lines may hold an answer to one prompt.")
        rows: Iterator[Row | RefusedRow] = iter([_refused(record, refused)])
    else:
        rows = _row_of(record, own, defaults)
    for row in rows:
        if isinstance(row, RefusedRow) and together.count > 1:
            reason = f"{together.count:,} lines hold an answer to this prompt. {row.reason}"
            yield replace(row, reason=reason, lines=together.count)
        else:
            yield replace(row, lines=together.count)


def _row_of(record: FileRecord, own: OwnRecord, defaults: Defaults) -> Iterator[Row | RefusedRow]:
    try:
        yield from rows_of(own, line=record.line, last_line=record.last_line, defaults=defaults)
    except FieldRefused as refused:
        yield _refused(record, refused)


def _refused(record: FileRecord, refused: FieldRefused) -> RefusedRow:
    return RefusedRow(line=record.line, column=record.column_of(refused.field), reason=str(refused))
