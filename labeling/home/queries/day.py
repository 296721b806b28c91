"""What a labeler did on a day, for how long, and how far it agrees with others."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from labeling.base.states import CompositionState
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import BY_PEOPLE, FIRST_SUBMISSION
from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.people.models import Labeler
from labeling.people.queries import beginning_of_today, zone_of
from labeling.quality.rules import Agreement, agreement_of
from labeling.writing.models import Composition
from lm.snapshot.records import FEWEST_PAIRS

DAYS_SHOWN = 14
TASKS_COMPARED = 200
"""The last ones that somebody else ranked as well; enough to say how it stands now, and little to read."""


@dataclass(kw_only=True)
class Done:
    """Counts and active seconds of one day, or of one campaign on it."""

    rankings: int = 0
    demonstrations: int = 0
    own_writing: int = 0
    seconds: float = 0.0

    @property
    def pieces(self) -> int:
        return self.rankings + self.demonstrations + self.own_writing

    @property
    def hours(self) -> int:
        return int(self.seconds // 3600)

    @property
    def minutes(self) -> int:
        """The minutes beside the full hours."""
        return int(self.seconds % 3600 // 60)


@dataclass(frozen=True, kw_only=True)
class Day:
    day: date
    done: Done
    height: int
    """Of its bar, in hundredths of the longest."""


@dataclass(frozen=True, kw_only=True)
class DayPage:
    today: Done
    campaigns: list[tuple[str, Done]]
    days: list[Day]
    agreement: Agreement
    pairs_needed: int = FEWEST_PAIRS


@dataclass(kw_only=True)
class _Tally:
    days: defaultdict[date, Done] = field(default_factory=lambda: defaultdict(Done))
    campaigns: defaultdict[str, Done] = field(default_factory=lambda: defaultdict(Done))


def day_of(labeler: Labeler) -> DayPage:
    begin = beginning_of_today(labeler)
    today, since = begin.date(), begin - timedelta(days=DAYS_SHOWN - 1)
    tally = _tally(labeler, since=since, today=today)
    days = [today - timedelta(days=back) for back in reversed(range(DAYS_SHOWN))]
    most = max((tally.days[day].pieces for day in days), default=0) or 1
    return DayPage(
        today=tally.days[today],
        campaigns=sorted(tally.campaigns.items()),
        days=[Day(day=day, done=tally.days[day], height=round(100 * tally.days[day].pieces / most)) for day in days],
        agreement=own_agreement(labeler),
    )


def _tally(labeler: Labeler, *, since: datetime, today: date) -> _Tally:
    zone, tally = zone_of(labeler), _Tally()
    mine = {"labeler": labeler, "submitted_at__gte": since}
    sources: list[tuple[str, QuerySet[Ranking] | QuerySet[Demonstration] | QuerySet[Composition], str, Q]] = [
        ("rankings", Ranking.objects.filter(**mine), "task__campaign__name", FIRST_SUBMISSION),
        ("demonstrations", Demonstration.objects.filter(**mine), "prompt__campaign__name", FIRST_SUBMISSION),
        (
            "own_writing",
            Composition.objects.filter(
                labeler=labeler, state=CompositionState.SUBMITTED, closed_at__gte=since
            ).annotate(submitted_at=F("closed_at")),
            "campaign__name",
            Q(),
        ),
    ]
    for kind, rows, campaign, counted in sources:
        grouped = (
            rows.order_by()
            .annotate(day=TruncDate("submitted_at", tzinfo=zone))
            .values_list("day", campaign)
            .annotate(count=Count("pk", filter=counted), seconds=Sum("active_seconds"))
        )
        for day, name, count, seconds in grouped:
            for done in (tally.days[day], *([tally.campaigns[name]] if day == today else [])):
                setattr(done, kind, getattr(done, kind) + count)
                done.seconds += seconds or 0.0
    return tally


def own_agreement(labeler: Labeler) -> Agreement:
    """Returns the agreement with others who ranked the same tasks: each other person's last revision against the
    labeler's own.
    """
    tasks = (
        Ranking.objects.filter(labeler=labeler, task__rankings_done__gt=1)
        .order_by("-task_id")
        .values_list("task_id", flat=True)
        .distinct()[:TASKS_COMPARED]
    )
    counting = Ranking.objects.last_revisions().filter(BY_PEOPLE | Q(labeler=labeler))
    ranked = RankedCompletion.objects.filter(ranking__in=counting.filter(task__in=list(tasks))).values_list(
        "ranking__task_id", "ranking__labeler_id", "completion_id", "rank"
    )
    return agreement_of(_pairs(ranked, labeler.pk))


def _pairs(
    ranked: Iterable[tuple[int, int, int, int]], labeler_id: int
) -> Iterable[tuple[dict[int, int], dict[int, int]]]:
    by_task: defaultdict[int, defaultdict[int, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    for task, ranker, completion, rank in ranked:
        by_task[task][ranker][completion] = rank
    for rankers in by_task.values():
        mine = rankers.pop(labeler_id)
        yield from ((mine, theirs) for theirs in rankers.values())
