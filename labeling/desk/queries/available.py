"""Counts the work that a labeler could claim now, up to a limit."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Func, IntegerField, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from labeling.base.states import AssignmentKind, CampaignState, TaskState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.models.queues import QueueProgress, WorkQueue
from labeling.people.models import Labeler
from labeling.ranking_tasks.models import RankingTask

COUNTED_AT_MOST = 100
"""So many of a campaign are counted, and then "100+" is said: a million would be counted anew for each page."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What waits for the labeler in one kind of work, and what may still come.

    Where there are more than were counted, `available_more` and `being_sampled_more` say so.
    """

    kind: str
    available: int
    available_more: bool
    being_sampled: int
    being_sampled_more: bool
    campaigns_open: int


def available_by_campaign(labeler: Labeler, kind: AssignmentKind) -> dict[int, int]:
    """Campaign id → how many pieces of work of that kind the labeler could claim. COUNTED_AT_MOST: so many or more."""
    if kind == AssignmentKind.RANKING:
        tasks = RankingTask.objects.claimable_by(labeler)
        reserved = tasks.filter(reserved_for=labeler).order_by().values_list("campaign").annotate(count=Count("pk"))
        rows = _in_queues(labeler, kind, tasks.filter(reserved_for=None)).union(reserved, all=True)
    else:
        rows = _in_queues(labeler, kind, Prompt.objects.claimable_by(labeler))
    counts: dict[int, int] = {}
    for campaign, count in rows:
        if count:
            counts[campaign] = min(COUNTED_AT_MOST, counts.get(campaign, 0) + count)
    return counts


def _in_queues(
    labeler: Labeler, kind: AssignmentKind, claimable: QuerySet[RankingTask] | QuerySet[Prompt]
) -> QuerySet[WorkQueue, tuple[int, int]]:
    """(campaign id, how many) of each queue that is open to the labeler, up to COUNTED_AT_MOST."""
    passed = QueueProgress.objects.filter(labeler=labeler, queue=OuterRef("pk")).values("passed")
    waiting = claimable.filter(queue=OuterRef("pk"), queue_place__gt=OuterRef("passed"))
    first = ArraySubquery(waiting.order_by("queue_place").values("pk")[:COUNTED_AT_MOST])
    return (
        WorkQueue.objects.open_to(labeler)
        .filter(kind=kind)
        .annotate(passed=Coalesce(passed, 0), waiting=Func(first, function="cardinality", output_field=IntegerField()))
        .order_by()
        .values_list("campaign", "waiting")
    )


def waiting_for(labeler: Labeler, kind: AssignmentKind) -> Waiting:
    counts = available_by_campaign(labeler, kind).values()
    being_sampled = _being_sampled(labeler) if kind == AssignmentKind.RANKING else 0
    return Waiting(
        kind=kind,
        available=sum(counts),
        available_more=more_than_counted(counts),
        being_sampled=being_sampled,
        being_sampled_more=more_than_counted([being_sampled]),
        campaigns_open=Campaign.objects.filter(
            state=CampaignState.ACTIVE, languages__overlap=labeler.languages
        ).count(),
    )


def _being_sampled(labeler: Labeler) -> int:
    sampling = RankingTask.objects.filter(
        state=TaskState.SAMPLING, campaign__state=CampaignState.ACTIVE, language__in=labeler.languages
    )
    return sampling.order_by()[:COUNTED_AT_MOST].count()


def more_than_counted(counts: Iterable[int]) -> bool:
    return any(count >= COUNTED_AT_MOST for count in counts)


def as_counted(number: int) -> str:
    """ "100+" where counting stopped."""
    return f"{number}+" if number >= COUNTED_AT_MOST else str(number)
