"""Models read by SQL of our own: the ORM needs longer to put such a statement together than PostgreSQL to answer it.

    OWN = Rows(
        "SELECT {columns} FROM labeling_assignment AS assignment JOIN … WHERE assignment.token = %s",
        assignment=columns("labeling.Assignment"),
        campaign=columns("labeling.Campaign", "id", "name"),
    )
    assignment, campaign = OWN.first([token])

What is not named is looked up by Django when it is asked for. Models are named, as in a foreign key, for this folder
stands under the capabilities that have them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import JSONField, Model


@dataclass(frozen=True)
class Columns:
    """Columns of a model; all of them where none is named."""

    label: str
    named: tuple[str, ...]

    @cached_property
    def model(self) -> type[Model]:
        return apps.get_model(self.label)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """In the order in which Model.from_db takes them."""
        fields = self.model._meta.concrete_fields  # noqa: SLF001  (Django documents it)
        return tuple(field.attname for field in fields if not self.named or field.attname in self.named)

    @cached_property
    def json(self) -> tuple[int, ...]:
        """Places of those that a cursor gives as they are stored."""
        return tuple(at for at, name in enumerate(self.names) if isinstance(self._field(name), JSONField))

    def _field(self, name: str) -> object:
        return self.model._meta.get_field(name)  # noqa: SLF001

    def read(self, row: Sequence[Any]) -> Model:
        values = list(row)
        for place in self.json:
            if isinstance(values[place], str):
                values[place] = json.loads(values[place])
        return self.model.from_db(connection.alias, self.names, values)


def columns(label: str, *named: str) -> Columns:
    """Of the model of that label, such as "labeling.Campaign"."""
    return Columns(label, named)


class Rows:
    """A statement that finds several models in one row, each under the alias that its table has there."""

    def __init__(self, statement: str, **parts: Columns) -> None:
        self._template = statement
        self._parts = parts

    @cached_property
    def statement(self) -> str:
        """With `{columns}` filled in, once all models are known."""
        wanted = (f"{alias}.{name}" for alias, part in self._parts.items() for name in part.names)
        return self._template.format(columns=", ".join(wanted))

    def first(self, values: Sequence[Any] | Mapping[str, Any]) -> list[Any] | None:
        """One instance of each model, in order, of the first row that the statement finds; None when it finds none."""
        with connection.cursor() as cursor:
            cursor.execute(self.statement, values)
            row = cursor.fetchone()
        if row is None:
            return None
        found, start = [], 0
        for part in self._parts.values():
            found.append(part.read(row[start : start + len(part.names)]))
            start += len(part.names)
        return found
