"""CHECK constraints that many tables have."""

from collections.abc import Iterable

from django.db import models


def one_of(field: str, values: Iterable[str], *, name: str) -> models.CheckConstraint:
    """Postgres refuses a value that is not one of the listed."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": [str(value) for value in values]}), name=name)


def not_blank(field: str, *, name: str) -> models.CheckConstraint:
    """Postgres refuses a text of nothing but white space."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__regex": r"\S"}), name=name)
