"""How much is handed in, day by day, and who is at work now."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, F, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from labeling.base.states import AssignmentKind, AssignmentState
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import BY_PEOPLE, Assignment
from labeling.desk.ranking.models import Ranking

HOLDERS_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class Day:
    """First submissions of real work on one day. `rankings` and `demonstrations` are people's."""

    day: date
    rankings: int
    demonstrations: int
    simulated: int


def throughput(*, days: int) -> list[Day]:
    """The last `days` days, today last, in the current time zone."""
    today = timezone.localdate()
    first = today - timedelta(days=days - 1)
    begin = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    handed_in = Ranking.objects.of_work().first_submissions()
    rankings, simulated = _per_day(handed_in.filter(BY_PEOPLE), begin), _per_day(handed_in.exclude(BY_PEOPLE), begin)
    written = Demonstration.objects.of_work().first_submissions().filter(BY_PEOPLE, source="labeler")
    demonstrations = _per_day(written, begin)
    return [
        Day(day=day, rankings=rankings[day], demonstrations=demonstrations[day], simulated=simulated[day])
        for day in (first + timedelta(days=number) for number in range(days))
    ]


def _per_day(submitted: QuerySet[Any], begin: datetime) -> Counter[date]:
    by_day = submitted.filter(submitted_at__gte=begin).order_by().annotate(day=TruncDate("submitted_at"))
    return Counter(dict(by_day.values_list("day").annotate(count=Count("pk"))))


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A labeler who holds work. `touched_at` is the last draft, or the claim; `overdue` once the lease ran out."""

    assignment_id: int
    labeler_id: int
    name: str
    simulated: bool
    kind: str
    prompt_id: int
    task_id: int | None
    campaign: str
    claimed_at: datetime
    touched_at: datetime
    expires_at: datetime
    overdue: bool

    @property
    def is_ranking(self) -> bool:
        return self.kind == AssignmentKind.RANKING


def holders() -> tuple[list[Holder], int]:
    """Returns who holds what, the last active first, and how many pieces of work are held in all."""
    held = Assignment.objects.filter(state=AssignmentState.OPEN)
    latest = held.select_related("labeler__user", "campaign").order_by(
        F("draft_saved_at").desc(nulls_last=True), "-claimed_at"
    )
    now = timezone.now()
    return [_holder(assignment, now) for assignment in latest[:HOLDERS_SHOWN]], held.count()


def _holder(assignment: Assignment, now: datetime) -> Holder:
    return Holder(
        assignment_id=assignment.pk,
        labeler_id=assignment.labeler_id,
        name=str(assignment.labeler),
        simulated=assignment.labeler.simulated,
        kind=assignment.kind,
        prompt_id=assignment.prompt_id,
        task_id=assignment.task_id,
        campaign=str(assignment.campaign),
        claimed_at=assignment.claimed_at,
        touched_at=assignment.draft_saved_at or assignment.claimed_at,
        expires_at=assignment.expires_at,
        overdue=assignment.expires_at < now,
    )
