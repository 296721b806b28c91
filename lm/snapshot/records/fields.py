"""A field of a record, or a refusal that names it."""

from typing import Any

from lm.errors import Refused


def check_schema(record: dict[str, Any]) -> None:
    if record.get("schema") != 1:
        raise Refused(f"its schema is {record.get('schema')!r}; this trainer reads schema 1")


def field_of(record: Any, name: str, kind: type) -> Any:
    if not isinstance(record, dict) or name not in record:
        raise Refused(f'"{name}" is missing')
    value = record[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Refused(f'"{name}" is {type(value).__name__}, not {kind.__name__}')
    return value
