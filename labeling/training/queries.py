"""One run as it goes on: the points of its curves and how far it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import OuterRef, QuerySet, Subquery

from labeling.training.models import AnyRun, Run

Point = tuple[float, float]


class Row(NamedTuple):
    """A point of the run, by the names of its columns."""

    step: int
    loss: float
    accuracy: float | None
    valid_loss: float | None
    valid_accuracy: float | None
    learning_rate: float | None
    figures: dict[str, float]
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Each series as (step, value), `figures` by their names. `seconds_left` by the steps that were written so far."""

    active: bool
    step: int
    steps_total: int | None
    loss: list[Point]
    valid_loss: list[Point]
    accuracy: list[Point]
    valid_accuracy: list[Point]
    figures: dict[str, list[Point]]
    learning_rate: float | None
    last_at: datetime | None
    seconds_left: float | None


def progress_of(run: Run) -> Progress:
    rows = [Row(*values) for values in run.curve.order_by("step").values_list(*Row._fields)]
    last = rows[-1] if rows else None
    active = run.is_active()
    return Progress(
        active=active,
        step=last.step if last else 0,
        steps_total=run.steps_total,
        loss=_series(rows, "loss"),
        accuracy=_series(rows, "accuracy"),
        valid_loss=_series(rows, "valid_loss"),
        valid_accuracy=_series(rows, "valid_accuracy"),
        figures=figures_by_name([(row.step, row.figures) for row in rows]),
        learning_rate=last.learning_rate if last else None,
        last_at=last.at if last else None,
        seconds_left=_seconds_left(rows, run.steps_total) if active else None,
    )


def figures_by_name(found: Sequence[tuple[int, dict[str, float]]]) -> dict[str, list[Point]]:
    """The series of each figure that was ever said."""
    names = dict.fromkeys(name for _step, figures in found for name in figures)
    return {name: [(step, figures[name]) for step, figures in found if name in figures] for name in names}


def _series(rows: Sequence[Row], name: str) -> list[Point]:
    points = ((float(row.step), getattr(row, name)) for row in rows)
    return [(step, value) for step, value in points if isinstance(value, float)]


def _seconds_left(rows: Sequence[Row], steps_total: int | None) -> float | None:
    """Estimates the rest by the mean time of the steps so far; None before there are two."""
    if steps_total is None or len(rows) < 2:
        return None
    first, last = rows[0], rows[-1]
    return (last.at - first.at).total_seconds() / (last.step - first.step) * max(0, steps_total - last.step)


def runs_with_last_step(runs: QuerySet[AnyRun]) -> QuerySet[Any]:
    """Adds last_step: how far each run came."""
    points: Any = runs.model._meta.get_field("points").related_model  # noqa: SLF001  (Django's own name)
    latest = points._base_manager.filter(run=OuterRef("pk")).order_by("-step").values("step")[:1]  # noqa: SLF001
    return runs.annotate(last_step=Subquery(latest))
