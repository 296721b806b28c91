"""How much work a labeler has done: the pieces handed in. The start page and the day count alike.

A piece is what was handed out or begun, once, on the day on which it was handed in first: a dialogue is no
demonstration as well, and a revision no second ranking.
"""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate

from labeling.desk.models import Assignment
from labeling.people.models import Labeler
from labeling.people.queries import zone_of
from labeling.writing.models import Composition


@dataclass(frozen=True, kw_only=True)
class PiecesDone:
    day: date
    campaign: str
    kind: str
    count: int


def pieces_done(labeler: Labeler, *, since: datetime) -> list[PiecesDone]:
    """By day of the labeler's time zone, campaign and kind."""
    work: tuple[QuerySet[Assignment] | QuerySet[Composition], ...] = (
        Assignment.objects.filter(labeler=labeler),
        Composition.objects.filter(labeler=labeler),
    )
    return [
        PiecesDone(day=day, campaign=campaign, kind=kind, count=count)
        for pieces in work
        for day, campaign, kind, count in pieces.filter(state="submitted", closed_at__gte=since)
        .order_by()
        .annotate(day=TruncDate("closed_at", tzinfo=zone_of(labeler)))
        .values_list("day", "campaign__name", "kind")
        .annotate(count=Count("pk"))
    ]
