"""How much is handed in, day by day, and who is at work now."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import F
from django.utils import timezone

from labeling.base.states import AssignmentKind, AssignmentState
from labeling.console.queries.work import Work
from labeling.desk.models import Assignment

HOLDERS_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class Day:
    """First submissions of real work on one day. `rankings` and `demonstrations` are people's."""

    day: date
    rankings: int
    demonstrations: int
    simulated: int


def throughput(work: Work, *, days: int, campaigns: Collection[int]) -> list[Day]:
    """The last `days` days of these campaigns, today last, in the current time zone."""
    counted: Counter[tuple[date | None, str]] = Counter()
    for row in work.by_day:
        if row.campaign in campaigns and (row.kind == AssignmentKind.RANKING or not row.simulated):
            counted[row.day, "simulated" if row.simulated else row.kind] += row.count
    first = timezone.localdate() - timedelta(days=days - 1)
    return [
        Day(
            day=day,
            rankings=counted[day, AssignmentKind.RANKING],
            demonstrations=counted[day, AssignmentKind.DEMONSTRATION],
            simulated=counted[day, "simulated"],
        )
        for day in (first + timedelta(days=number) for number in range(days))
    ]


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


def holders(campaigns: Collection[int]) -> tuple[list[Holder], int]:
    """Returns who holds what, the last active first, and how many pieces of work are held in all."""
    held = Assignment.objects.filter(state=AssignmentState.OPEN, campaign__in=campaigns)
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
