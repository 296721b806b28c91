"""From a record of a public format to records in Concord's own fields. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from labeling.imports.rules.formats.annotation_tools import ANNOTATION_TOOLS
from labeling.imports.rules.formats.conversations import CONVERSATIONS
from labeling.imports.rules.formats.preferences import PREFERENCES
from labeling.imports.rules.formats.shape import Format, Record
from labeling.imports.rules.rows import FieldRefused

FORMATS = (*PREFERENCES, *CONVERSATIONS, *ANNOTATION_TOOLS)
"""In the order in which they are tried: a more particular shape stands before one that is part of it."""
KEPT = ("submitter", "language", "use_case", "content_warnings", "required_skills")
"""Own fields that may stand beside those of any format."""


@dataclass(frozen=True, kw_only=True)
class OwnRecord:
    """A record in Concord's own fields. `format` is empty where it was in them already.

    `one_answer`: all lines of its prompt are put together with it.
    """

    fields: Record
    format: str = ""
    one_answer: bool = False


def format_of(record: Record) -> Format | None:
    return next((each for each in _formats_with(frozenset(record)) if each.fits(record)), None)


@lru_cache(maxsize=256)
def _formats_with(fields: frozenset[str]) -> tuple[Format, ...]:
    """Those that have such fields: asked once a kind of record, for files have millions of one kind."""
    return tuple(each for each in FORMATS if each.needs <= fields)


def own_records(record: Record) -> list[OwnRecord]:
    """Raises FieldRefused: a field that the format does not have, or one that can't be read."""
    found = format_of(record)
    if found is None:
        return [OwnRecord(fields=record)]
    _refuse_unknown(record, found)
    kept = {name: record[name] for name in KEPT if name in record and name not in found.left_out}
    return [
        OwnRecord(fields={**kept, **own}, format=found.name, one_answer=found.one_answer_a_line)
        for own in found.convert(record)
    ]


def _refuse_unknown(record: Mapping[str, object], found: Format) -> None:
    known = found.needs | found.also | found.left_out | set(KEPT)
    for name in record:
        if name not in known:
            raise FieldRefused(
                f"The field “{name}” is unknown in {found.name} records. To leave it out, ignore it by name.",
                field=name,
            )
