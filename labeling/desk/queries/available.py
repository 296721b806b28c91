"""Work that a labeler could claim now, counted with the conditions that services/assignments.py claims by."""

from dataclasses import dataclass

from django.db.models import Count, QuerySet

from labeling.base.states import AssignmentKind, CampaignState, TaskState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.people.models import Labeler
from labeling.ranking_tasks.models import RankingTask


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What waits for the labeler in one kind of work, and what may still come."""

    kind: str
    available: int
    being_sampled: int
    campaigns_open: int


def available_by_campaign(labeler: Labeler, kind: AssignmentKind) -> dict[int, int]:
    """Campaign id → how many pieces of work of that kind the labeler could claim."""
    work: QuerySet[RankingTask] | QuerySet[Prompt] = (
        RankingTask.objects.claimable_by(labeler)
        if kind == AssignmentKind.RANKING
        else Prompt.objects.claimable_by(labeler)
    )
    return dict(work.order_by().values_list("campaign").annotate(count=Count("pk")))


def queue_of(labeler: Labeler, kind: AssignmentKind) -> Queue:
    sampled = RankingTask.objects.filter(
        state=TaskState.SAMPLING, campaign__state=CampaignState.ACTIVE, language__in=labeler.languages
    )
    return Queue(
        kind=kind,
        available=sum(available_by_campaign(labeler, kind).values()),
        being_sampled=sampled.count() if kind == AssignmentKind.RANKING else 0,
        campaigns_open=Campaign.objects.filter(
            state=CampaignState.ACTIVE, languages__overlap=labeler.languages
        ).count(),
    )
