"""What a labeler did on a day, for how long, and how far it agrees with others."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Q, Sum
from django.db.models.functions import TruncDate

from labeling.base.states import AssignmentKind
from labeling.desk.models import BY_PEOPLE, WorkingTime
from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.home.queries.work_done import pieces_done
from labeling.people.models import Labeler
from labeling.people.queries import beginning_of_today, zone_of
from labeling.quality.agreement.rules.pairs import Agreement, agreement_of
from lm.snapshot.records.constants import FEWEST_PAIRS

DAYS_SHOWN = 14
COUNTED_AS: dict[str, str] = {AssignmentKind.RANKING: "rankings", AssignmentKind.DEMONSTRATION: "demonstrations"}
"""By kind of work; all else is own writing."""
TASKS_COMPARED = 200
"""The last ones that somebody else ranked as well; enough to say how it stands now, and little to read."""


@dataclass(kw_only=True)
class Done:
    """Pieces of work and seconds at work of one day, or of one campaign on it."""

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

    def places(self, day: date, campaign: str, today: date) -> list[Done]:
        """Where something of that day and campaign is counted; campaigns are told apart for today alone."""
        return [self.days[day], *([self.campaigns[campaign]] if day == today else [])]


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
    tally = _Tally()
    for pieces in pieces_done(labeler, since=since):
        for done in tally.places(pieces.day, pieces.campaign, today):
            name = COUNTED_AS.get(pieces.kind, "own_writing")
            setattr(done, name, getattr(done, name) + pieces.count)
    for day, campaign, seconds in (
        WorkingTime.objects.filter(labeler=labeler, quarter__gte=since)
        .order_by()
        .annotate(day=TruncDate("quarter", tzinfo=zone_of(labeler)))
        .values_list("day", "campaign__name")
        .annotate(seconds=Sum("seconds"))
    ):
        for done in tally.places(day, campaign, today):
            done.seconds += seconds
    return tally


def own_agreement(labeler: Labeler) -> Agreement:
    """Returns the agreement with others who ranked the same tasks: each other person's last revision against the
    labeler's own.
    """
    tasks = (
        Ranking.objects.of_work()
        .filter(labeler=labeler, task__rankings_done__gt=1)
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
