"""The records of a Parquet file, which is how most public data sets are stored. Pure.

Every record of Parquet has every field, so that null means here, inside messages too, that the field is absent.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

from labeling.imports.rules.file_records import FileRecord
from labeling.imports.rules.rows import RefusedRow

MAGIC = b"PAR1"
ROWS_AT_ONCE = 64
LARGEST_ROW_GROUP = 512 * 1024 * 1024
"""Bytes, not compressed. A reader may have to hold the whole group."""


def parquet_records(file: BinaryIO) -> Iterator[FileRecord | RefusedRow]:
    """Each row, whose line is its number from 1; what can't be read is refused, and the reading ends there."""
    import pyarrow as pa  # noqa: PLC0415  (40 MB that only this needs)
    import pyarrow.parquet as pq  # noqa: PLC0415

    number = 0
    try:
        table = pq.ParquetFile(file, pre_buffer=False)
        groups = [table.metadata.row_group(index) for index in range(table.metadata.num_row_groups)]
        if any(group.total_byte_size > LARGEST_ROW_GROUP for group in groups):
            yield _refused(1, f"A row group has more than {LARGEST_ROW_GROUP:,} bytes; write smaller ones.")
            return
        for batch in table.iter_batches(batch_size=ROWS_AT_ONCE):
            for fields in batch.to_pylist():
                number += 1
                yield _record(number, fields)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        yield _refused(number + 1, f"Broken Parquet, read up to row {number:,}: {said[0][:200]}")


def _record(number: int, fields: dict[str, Any]) -> FileRecord:
    columns = {name: place for place, name in enumerate(fields, start=1)}
    return FileRecord(line=number, fields=_as_json(fields), column_of=lambda name: columns.get(name or "", 1))


def _as_json(value: Any) -> Any:
    """Without nulls. Dates and decimal numbers become text; bytes become what no field of ours takes for text."""
    if isinstance(value, dict):
        return {name: _as_json(each) for name, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_as_json(each) for each in value]
    if isinstance(value, bytes):
        return {"bytes": len(value)}
    return value if isinstance(value, str | int | float | None) else str(value)


def _refused(line: int, reason: str) -> RefusedRow:
    return RefusedRow(line=line, column=1, reason=reason)
