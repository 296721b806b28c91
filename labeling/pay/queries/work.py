"""What people worked within a stretch of time: active time and pieces handed in, by labeler and campaign.

Active time is what WorkingTime says, and nothing else. A piece counts at the moment at which it was handed in first.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, FloatField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.aggregates import Aggregate

from labeling.base.states import AssignmentKind, AssignmentState, CompositionState
from labeling.desk.models import Assignment, WorkingTime
from labeling.people.models import Labeler
from labeling.writing.models import Composition


@dataclass(kw_only=True)
class Worked:
    seconds: float = 0.0
    pieces: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Worked") -> None:
        self.seconds += other.seconds
        self.pieces += other.pieces


BY_PAID_PEOPLE = {"labeler__simulated": False, "campaign__simulated": False}
"""Simulated labelers earn nothing."""


def worked_between(begin: datetime, end: datetime, *, labeler: Labeler | None = None) -> dict[tuple[int, int], Worked]:
    """By labeler and campaign, of everybody or of one."""
    of_whom: dict[str, Any] = {**BY_PAID_PEOPLE, **({"labeler": labeler} if labeler else {})}
    worked: defaultdict[tuple[int, int], Worked] = defaultdict(Worked)
    times = WorkingTime.objects.filter(**of_whom, quarter__gte=begin, quarter__lt=end)
    for labeler_id, campaign_id, seconds in (
        times.order_by().values_list("labeler", "campaign").annotate(seconds=Sum("seconds"))
    ):
        worked[labeler_id, campaign_id].seconds += seconds
    for labeler_id, campaign_id, kind, count in _handed_in(of_whom, begin, end):
        worked[labeler_id, campaign_id].pieces[kind] += count
    return dict(worked)


def _handed_in(of_whom: Mapping[str, Any], begin: datetime, end: datetime) -> Iterable[tuple[int, int, str, int]]:
    work: tuple[QuerySet[Assignment] | QuerySet[Composition], ...] = (
        Assignment.objects.filter(state=AssignmentState.SUBMITTED),
        Composition.objects.filter(state=CompositionState.SUBMITTED),
    )
    for pieces in work:
        yield from (
            pieces.filter(**of_whom, closed_at__gte=begin, closed_at__lt=end)
            .order_by()
            .values_list("labeler", "campaign", "kind")
            .annotate(count=Count("pk"))
        )


class Median(Aggregate):
    """PostgreSQL's percentile_cont at a half."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()
    name = "Median"


@dataclass(frozen=True, kw_only=True)
class TimePerPiece:
    """How long one piece of work of a kind, for rankings of K completions, took in the middle."""

    kind: str
    k: int | None
    count: int
    median_seconds: float


def time_per_piece(labeler: Labeler, *, since: datetime, until: datetime) -> list[TimePerPiece]:
    """By kind and K, of what the labeler handed in. What nobody counted any time for is left out."""
    of_token = WorkingTime.objects.filter(token=OuterRef("token")).order_by().values("token")
    seconds = Subquery(of_token.annotate(seconds=Sum("seconds")).values("seconds"), output_field=FloatField())
    work: tuple[tuple[QuerySet[Assignment] | QuerySet[Composition], str | None], ...] = (
        (Assignment.objects.filter(state=AssignmentState.SUBMITTED), "task__k"),
        (Composition.objects.filter(state=CompositionState.SUBMITTED), None),
    )
    found = []
    for pieces, k in work:
        by = ("kind", k) if k else ("kind",)
        rows = (
            pieces.filter(labeler=labeler, closed_at__gte=since, closed_at__lt=until)
            .annotate(seconds=seconds)
            .filter(seconds__gt=0)
            .order_by()
            .values(*by)
            .annotate(count=Count("pk"), median=Median("seconds"))
        )
        found += [
            TimePerPiece(
                kind=row["kind"],
                k=row[k] if k and row["kind"] == AssignmentKind.RANKING else None,
                count=row["count"],
                median_seconds=row["median"],
            )
            for row in rows
        ]
    return sorted(found, key=lambda each: (each.kind, each.k or 0))
