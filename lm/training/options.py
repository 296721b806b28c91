"""Makes command-line options of argument dataclasses, which stay the one place that names, types and explains a value.

A field reads `name: Annotated[type, "what it means"] = default`; one without a default must be given. Libraries that
were considered: `transformers.HfArgumentParser` has no `--no-X` to take back what a preset turned on and no way to say
that a preset gives a required value, with which fifteen lines less would be left of this module; jsonargparse writes
options with underscores and flags as `--x true`.
"""

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
METAVARS = {Path: "PATH", int: "N", float: "X", str: "TEXT"}


def fields_of(arguments: type[Any]) -> list[dataclasses.Field[Any]]:
    """The fields of the dataclass that are options: all but those that it names in `WITHOUT`, if it does."""
    without: frozenset[str] = getattr(arguments, "WITHOUT", frozenset())
    return [field for field in dataclasses.fields(arguments) if field.name not in without]


def add_options(parser: argparse.ArgumentParser, arguments: type[Any], preset: Mapping[str, Any]) -> None:
    """Adds `--field-name` to the parser for every option of the dataclass `arguments`; `preset` has other defaults."""
    hints = get_type_hints(arguments, include_extras=True)
    for field in fields_of(arguments):
        kind, explanation = get_args(hints[field.name])
        flag = f"--{field.name.replace('_', '-')}"
        default = preset.get(field.name, field.default)
        if default is dataclasses.MISSING:
            parser.add_argument(flag, required=True, help=explanation, **_parsing(kind))
        else:
            parser.add_argument(flag, default=default, help=_help(explanation, default), **_parsing(kind))


def from_namespace(arguments: type[T], namespace: argparse.Namespace) -> T:
    """The dataclass filled from parsed options; its `__post_init__` may raise Refused."""
    return arguments(**{field.name: getattr(namespace, field.name) for field in fields_of(arguments)})


def _help(explanation: str, default: Any) -> str:
    text = explanation.replace("%", "%%")
    return text if default is None or default is False else f"{text} (default: {default})"


def _parsing(kind: Any) -> dict[str, Any]:
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    if get_origin(kind) is Literal:
        return {"choices": get_args(kind)}
    if isinstance(kind, UnionType):  # `X | None`: absent means None
        kind = next(one for one in get_args(kind) if one is not NoneType)
    return {"type": kind, "metavar": METAVARS[kind]}
