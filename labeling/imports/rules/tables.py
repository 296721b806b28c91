"""CSV and TSV files: a header that names the columns, then records. What Excel adds is read past. Pure."""

from collections.abc import Iterator
from itertools import chain

from labeling.imports.rules.file_records import FileRecord
from labeling.imports.rules.lines import Lines, decoded
from labeling.imports.rules.rows import RefusedRow
from labeling.imports.rules.table_records import TableRecord, csv_records, tsv_records

DELIMITERS = ",;\t"
NO_HEADER = "The file has no header: its first line must name the columns."
SEPARATOR_LINE = "sep="
"""Excel's first line where it says its delimiter."""


def table_records(lines: Lines, *, is_tsv: bool) -> Iterator[FileRecord | RefusedRow]:
    """Each record with its fields by column; empty fields count as absent, and so do rows without any."""
    first = next(lines, None)
    text = decoded(*first) if first else ""
    if isinstance(text, RefusedRow):
        yield text
        return
    delimiter = "\t" if is_tsv else _delimiter(text)
    if text.lower().startswith(SEPARATOR_LINE) and len(text) == len(SEPARATOR_LINE) + 1:
        delimiter, first = text[-1], next(lines, None)
    if first is None or "\r" in first[1].rstrip(b"\r\n").decode("utf-8", "replace"):
        yield _header_refusal(NO_HEADER if first is None else "Its lines end as on old Macs (CR). Save it with LF.")
        return
    rest = chain([first], lines)
    records = tsv_records(rest) if is_tsv else csv_records(rest, delimiter=delimiter)
    header = _header(next(records, None), line=first[0])
    if isinstance(header, RefusedRow):
        yield header
    else:
        for record in records:
            if isinstance(record, RefusedRow):
                yield record
            elif any(record.values):
                yield _file_record(record, header)


def _header_refusal(reason: str) -> RefusedRow:
    return RefusedRow(line=1, column=1, reason=reason)


def _header(record: TableRecord | RefusedRow | None, *, line: int) -> list[str] | RefusedRow:
    if isinstance(record, RefusedRow):
        return record
    names = [name.strip() for name in record.values] if record is not None and record.line == line else []
    if not any(names):
        return _header_refusal(NO_HEADER)
    for column, name in enumerate(names, start=1):
        if name and name in names[: column - 1]:
            return RefusedRow(line=line, column=column, reason=f"The column “{name}” is there twice.")
    return names


def _file_record(record: TableRecord, header: list[str]) -> FileRecord | RefusedRow:
    values = record.values
    while len(values) > len(header) and not values[-1]:
        values = values[:-1]
    if len(values) != len(header):
        reason = f"It has {len(values)} fields, but the header names {len(header)} columns."
        return RefusedRow(line=record.line, column=1, reason=reason)
    for column, (name, value) in enumerate(zip(header, values, strict=True), start=1):
        if value and not name:
            return RefusedRow(line=record.line, column=column, reason=f"Column {column} has a value and no name.")
    return FileRecord(
        line=record.line,
        last_line=record.last_line if record.last_line > record.line else None,
        fields={name: value for name, value in zip(header, values, strict=True) if value},
        column_of=lambda field: header.index(field) + 1 if field in header else 1,
    )


def _delimiter(header: str) -> str:
    """The comma, the semicolon (Excel in many countries) or the tab, whichever the header has most of."""
    return max(DELIMITERS, key=header.count)
