"""JSON with an object a line. Pure."""

import json
from collections.abc import Iterator

from labeling.imports.rules.file_records import FileRecord
from labeling.imports.rules.lines import Lines, decoded
from labeling.imports.rules.rows import FieldRefused, RefusedRow


def json_records(lines: Lines) -> Iterator[FileRecord | RefusedRow]:
    """Each object as a record; blank lines are passed over."""
    for number, raw in lines:
        text = decoded(number, raw)
        if isinstance(text, RefusedRow):
            yield text
        elif text.strip():
            yield json_record(text, line=number)


def json_record(text: str, *, line: int) -> FileRecord | RefusedRow:
    """The object that a text is, or why it is none."""
    try:
        fields = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        return RefusedRow(line=line + error.lineno - 1, column=error.colno, reason=f"Broken JSON: {error.msg}.")
    except FieldRefused as refused:
        return RefusedRow(line=line, column=_column_of(refused.field, text), reason=str(refused))
    except RecursionError:
        return RefusedRow(line=line, column=1, reason="The JSON is nested too deeply to be read.")
    except ValueError as error:  # a number of thousands of digits
        return RefusedRow(line=line, column=1, reason=f"The JSON can't be read: {error}.")
    if not isinstance(fields, dict):
        return RefusedRow(line=line, column=1, reason="The line is JSON, but no object in { and }.")
    return FileRecord(line=line, fields=fields, column_of=lambda field: _column_of(field, text))


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise FieldRefused(f"The field “{repeated}” is there twice.", field=repeated)
    return record


def _column_of(field: str | None, text: str) -> int:
    """The column within the field's line."""
    at = text.find(f'"{field}"')
    return at - text.rfind("\n", 0, at) if at >= 0 else 1


_DECODER = json.JSONDecoder(object_pairs_hook=_without_repeats)  # made once: it costs as much as a short line
