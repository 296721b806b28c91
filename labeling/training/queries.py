"""One training run as it goes on: the points of its curves and how far it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery

from labeling.training.models import TrainingPoint, TrainingRun

Point = tuple[float, float]
Row = tuple[int, float, float | None, float | None, float | None, float | None, datetime]
"""step, loss, accuracy, valid loss, valid accuracy, learning rate, at"""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Each series as (step, value). `seconds` from the first to the last step that was written."""

    active: bool
    step: int
    steps_total: int | None
    loss: list[Point]
    valid_loss: list[Point]
    accuracy: list[Point]
    valid_accuracy: list[Point]
    learning_rate: float | None
    last_at: datetime | None
    seconds_left: float | None


def progress_of(run: TrainingRun) -> Progress:
    rows = list(
        run.points.order_by("step").values_list(
            "step", "loss", "accuracy", "valid_loss", "valid_accuracy", "learning_rate", "at"
        )
    )
    step, last_at = (rows[-1][0], rows[-1][6]) if rows else (0, None)
    active = run.is_active()
    return Progress(
        active=active,
        step=step,
        steps_total=run.steps_total,
        loss=_series(rows, 1),
        accuracy=_series(rows, 2),
        valid_loss=_series(rows, 3),
        valid_accuracy=_series(rows, 4),
        learning_rate=rows[-1][5] if rows else None,
        last_at=last_at,
        seconds_left=_seconds_left(rows, run.steps_total) if active else None,
    )


def _series(rows: Sequence[Row], column: int) -> list[Point]:
    points = ((float(row[0]), row[column]) for row in rows)
    return [(step, value) for step, value in points if isinstance(value, float)]


def _seconds_left(rows: Sequence[Row], steps_total: int | None) -> float | None:
    """Estimates the rest by the mean time of the steps so far; None before there are two."""
    if steps_total is None or len(rows) < 2:
        return None
    first, last = rows[0], rows[-1]
    return (last[6] - first[6]).total_seconds() / (last[0] - first[0]) * max(0, steps_total - last[0])


def runs_with_last_step(runs: QuerySet[TrainingRun]) -> QuerySet[TrainingRun]:
    """Adds last_step: how far each run came."""
    latest = TrainingPoint.objects.filter(run=OuterRef("pk")).order_by("-step").values("step")[:1]
    return runs.annotate(last_step=Subquery(latest))
