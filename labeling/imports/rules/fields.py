"""Fields of a record in Concord's own form, each checked for its type. Pure."""

from collections.abc import Mapping
from typing import Any

from labeling.base.text import UnstorableText, clean_text
from labeling.imports.rules.rows import FieldRefused


def text_of(record: Mapping[str, object], field: str) -> str | None:
    value = record.get(field)
    if value is not None and not isinstance(value, str):
        raise FieldRefused(f"{field} must be a text, not {_json_type(value)}.", field=field)
    return value


def list_of(record: Mapping[str, object], field: str) -> list[Any]:
    value = record.get(field, [])
    if not isinstance(value, list):
        raise FieldRefused(f"{field} must be a list, not {_json_type(value)}.", field=field)
    return value


def storable(text: str, field: str) -> str:
    try:
        return clean_text(text)
    except UnstorableText as unstorable:
        raise FieldRefused(str(unstorable), field=field) from unstorable


def _json_type(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list"}
    return names.get(type(value), "an object")
