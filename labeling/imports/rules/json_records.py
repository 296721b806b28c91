"""JSON with an object a line. Pure."""

import json
from collections.abc import Iterator

from labeling.imports.rules.file_records import FileRecord
from labeling.imports.rules.lines import Lines, decoded
from labeling.imports.rules.rows import RefusedRow
from lm.json_lines import NotStrict, strict_json


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
        fields = strict_json(text)
    except json.JSONDecodeError as error:
        return RefusedRow(line=line + error.lineno - 1, column=error.colno, reason=f"Broken JSON: {_short(error.msg)}.")
    except NotStrict as error:
        said = f"The field “{error.key}” is there twice." if error.key is not None else f"{error}."
        return RefusedRow(line=line, column=_column_of(error.key, text), reason=said)
    except RecursionError:
        return RefusedRow(line=line, column=1, reason="The JSON is nested too deeply to be read.")
    except ValueError as error:  # a number of thousands of digits
        return RefusedRow(line=line, column=1, reason=f"The JSON can't be read: {error}.")
    if not isinstance(fields, dict):
        return RefusedRow(line=line, column=1, reason="The line is JSON, but no object in { and }.")
    return FileRecord(line=line, fields=fields, column_of=lambda field: _column_of(field, text))


def _short(message: str) -> str:
    """Python's words without the place that would follow them.

    >>> _short("Unterminated string starting at")
    'Unterminated string'
    """
    return message.removesuffix(" starting at").removesuffix(" at").rstrip(": ")


def _column_of(field: str | None, text: str) -> int:
    """The column within the field's line."""
    at = text.find(f'"{field}"')
    return at - text.rfind("\n", 0, at) if at >= 0 else 1
