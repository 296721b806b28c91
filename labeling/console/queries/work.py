"""What was handed in: days that are over as beat counted them, and what came since as it is."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from operator import attrgetter
from typing import Any, TypedDict

from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from labeling.base.states import AssignmentKind, CampaignStage
from labeling.campaigns.models.campaigns import Campaign
from labeling.console.models import DailyWork, KeptFigure
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.ranking.models import Ranking

REAL_WORK = Q(campaign__stage=CampaignStage.WORK.value)
KINDS = {kind.value: kind for kind in AssignmentKind}


def midnight_of(moment: datetime) -> datetime:
    """The beginning of its day."""
    return timezone.localtime(moment).replace(hour=0, minute=0, second=0, microsecond=0)


def uncounted_since() -> datetime | None:
    """From when on nothing was counted by beat; None: from the beginning."""
    last: date | None = DailyWork.objects.aggregate(last=Max("day"))["last"]
    return timezone.make_aware(datetime.combine(last + timedelta(days=1), time())) if last else None


def handed_in(*, since: datetime | None, until: datetime | None = None) -> dict[AssignmentKind, QuerySet[Any]]:
    """First submissions with the columns of DailyWork but the day, grouped, to which a day may be added."""
    between = Q()
    if since is not None:
        between &= Q(submitted_at__gte=since)
    if until is not None:
        between &= Q(submitted_at__lt=until)
    rankings = Ranking.objects.first_submissions().filter(between, task__copy_of=None)
    demonstrations = Demonstration.objects.first_submissions().filter(between, source="labeler", labeler__isnull=False)
    totals = {"count": Count("pk"), "active_seconds": Sum("active_seconds", default=0.0)}
    return {
        AssignmentKind.RANKING: rankings.order_by()
        .annotate(campaign=F("task__campaign"), language=F("task__language"))
        .annotate(day=TruncDate("submitted_at"))
        .values("day", "campaign", "labeler", "language", "simulated")
        .annotate(**totals),
        AssignmentKind.DEMONSTRATION: demonstrations.order_by()
        .annotate(campaign=F("prompt__campaign"), language=F("prompt__language"))
        .annotate(day=TruncDate("submitted_at"))
        .values("day", "campaign", "labeler", "language", "simulated")
        .annotate(**totals),
    }


@dataclass(frozen=True, kw_only=True)
class Handed:
    """So many pieces of real work with so much active time. What a query doesn't go by is None or empty."""

    day: date | None = None
    campaign: int | None = None
    labeler: int | None = None
    kind: AssignmentKind = AssignmentKind.RANKING
    language: str = ""
    simulated: bool = False
    count: int = 0
    active_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Work:
    """`by_day`: of the last days, by day, campaign, language. `by_labeler`: of the days that are shown. `ever`: by
    campaign."""

    by_day: Sequence[Handed]
    by_labeler: Sequence[Handed]
    ever: Sequence[Handed]


def work_of(*, shown: int, days: int) -> Work:
    """The last `days` days, of which `shown` are shown, today last.

    In a fixed number of queries, none of which reads more than what a day brings and what beat counted.
    """
    first_shown, real = _first_of(shown), _real_campaigns()
    fresh, counted = _fresh(real), DailyWork.objects.filter(REAL_WORK).order_by()
    return Work(
        by_day=_by_day(fresh, days),
        by_labeler=_added(
            counted.filter(day__gte=first_shown), _since(fresh, first_shown), ("labeler", "campaign", "kind")
        ),
        ever=_ever(fresh, real),
    )


def work_by_day(days: int) -> list[Handed]:
    """The last `days` days, today last, by day, campaign and language: what `work_of` has of them, without the rest."""
    return _by_day(_fresh(_real_campaigns()), days)


EVER = "ever"
EVER_BY = ("campaign", "kind", "simulated")


class KeptEver(TypedDict):
    """What beat added up of all days until one, which change no more: EVER_BY, count and active seconds."""

    until: str
    rows: list[tuple[int, str, bool, int, float]]


def count_ever() -> KeptEver:
    """The figure EVER. With 200 labelers a year is some 600,000 rows."""
    until: date = DailyWork.objects.aggregate(last=Max("day"))["last"] or date.min
    counted = DailyWork.objects.filter(day__lte=until).order_by()
    return {"until": until.isoformat(), "rows": list(_rows(counted, EVER_BY))}


def _ever(fresh: Sequence[Handed], real: Collection[int]) -> list[Handed]:
    counted = DailyWork.objects.filter(REAL_WORK).order_by()
    kept: KeptEver | None = KeptFigure.objects.filter(pk=EVER).values_list("value", flat=True).first()
    if kept is None:
        return _added(counted, fresh, EVER_BY)
    before = [
        Handed(campaign=campaign, kind=AssignmentKind(kind), simulated=simulated, count=count, active_seconds=seconds)
        for campaign, kind, simulated, count, seconds in kept["rows"]
        if campaign in real
    ]
    return _added(counted.filter(day__gt=date.fromisoformat(kept["until"])), [*before, *fresh], EVER_BY)


def _first_of(days: int) -> date:
    return timezone.localdate() - timedelta(days=days - 1)


def _fresh(real: Collection[int]) -> list[Handed]:
    """What beat has not counted yet, in these campaigns."""
    rows = [(kind, row) for kind, rows in handed_in(since=uncounted_since()).items() for row in rows]
    return [each for kind, row in rows if (each := _handed(kind, row)).campaign in real]


def _by_day(fresh: Sequence[Handed], days: int) -> list[Handed]:
    first = _first_of(days)
    counted = DailyWork.objects.filter(REAL_WORK, day__gte=first).order_by()
    return _added(counted, _since(fresh, first), ("day", "campaign", "language", "kind", "simulated"))


def _since(fresh: Sequence[Handed], first: date) -> list[Handed]:
    return [each for each in fresh if each.day is not None and each.day >= first]


def _real_campaigns() -> set[int]:
    return set(Campaign.objects.filter(stage=CampaignStage.WORK).values_list("pk", flat=True))


def _handed(kind: AssignmentKind, row: dict[str, Any]) -> Handed:
    return Handed(kind=kind, **row)


def _added(counted: QuerySet[DailyWork], fresh: Sequence[Handed], keys: tuple[str, ...]) -> list[Handed]:
    """Both together, grouped by the keys."""
    sums: dict[tuple[Any, ...], tuple[int, float]] = {
        tuple(key): (count, seconds) for *key, count, seconds in _rows(counted, keys)
    }
    key_of = attrgetter(*keys)
    for each in fresh:
        count, seconds = sums.get(key := key_of(each), (0, 0.0))
        sums[key] = count + each.count, seconds + each.active_seconds
    place = keys.index("kind")
    return [
        Handed(**dict(zip(keys, key, strict=True)) | {"kind": KINDS[key[place]]}, count=count, active_seconds=seconds)
        for key, (count, seconds) in sums.items()
    ]


def _rows(counted: QuerySet[DailyWork], keys: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    grouped = counted.values(*keys).annotate(total=Sum("count"), seconds=Sum("active_seconds"))
    yield from grouped.values_list(*keys, "total", "seconds")
