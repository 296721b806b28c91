"""Models read by SQL of our own, where everybody waits for it: the ORM needs longer to put such a statement together
than PostgreSQL to answer it.

    OWN = Rows(assignment=columns(Assignment), campaign=columns(Campaign, "id", "name"))
    found = OWN.first(f"SELECT {OWN.sql} FROM labeling_assignment AS assignment JOIN … WHERE …", [token])
    assignment, campaign = found

What is not named is looked up by Django when it is asked for.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Field, JSONField, Model


@dataclass(frozen=True)
class Columns:
    """Columns of a model in the order in which Model.from_db takes them."""

    model: type[Model]
    names: tuple[str, ...]
    json: tuple[int, ...]
    """Places of those that a cursor gives as they are stored."""


def columns(model: type[Model], *names: str) -> Columns:
    """All of them, or those of these names."""
    fields: Sequence[Field[Any, Any]] = model._meta.concrete_fields  # noqa: SLF001  (Django documents it)
    read = [field for field in fields if not names or field.attname in names]
    places = [place for place, field in enumerate(read) if isinstance(field, JSONField)]
    return Columns(model, tuple(field.attname for field in read), tuple(places))


class Rows:
    """Several models in one row, each under the alias that its table has in the statement."""

    def __init__(self, **parts: Columns) -> None:
        self._parts = list(parts.values())
        self.sql = ", ".join(f"{alias}.{name}" for alias, part in parts.items() for name in part.names)

    def first(self, statement: str, values: Sequence[Any]) -> list[Any] | None:
        """One instance of each model, in order, of the first row that the statement finds; None when it finds none."""
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            row = cursor.fetchone()
        return None if row is None else self._read(row)

    def _read(self, row: Sequence[Any]) -> list[Any]:
        found, start = [], 0
        for part in self._parts:
            values = list(row[start : start + len(part.names)])
            for place in part.json:
                if isinstance(values[place], str):
                    values[place] = json.loads(values[place])
            found.append(part.model.from_db(connection.alias, part.names, values))
            start += len(part.names)
        return found
