"""Work that a labeler could claim now, counted with the conditions that services/assignments.py claims by."""

from dataclasses import dataclass

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from labeling.base.states import AssignmentKind, CampaignState, TaskState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.desk.models import Assignment
from labeling.people.models import Labeler
from labeling.ranking_tasks.models import RankingTask


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What waits for the labeler in one kind of work, and what may still come."""

    kind: str
    available: int
    being_sampled: int
    campaigns_open: int


def not_opted_out(labeler: Labeler, field: str) -> list[Q]:
    """Conditions that leave out what the labeler would rather not meet; none where they opted out of nothing."""
    return [~Q(**{f"{field}__overlap": labeler.opt_outs})] if labeler.opt_outs else []


def rankings_available(labeler: Labeler) -> QuerySet[RankingTask]:
    met = Assignment.objects.filter(labeler=labeler, task=OuterRef("pk"))
    return RankingTask.objects.filter(
        ~Exists(met),
        *not_opted_out(labeler, "prompt__content_warnings"),
        Q(reserved_for=None) | Q(reserved_for=labeler),
        state=TaskState.READY,
        campaign__state=CampaignState.ACTIVE,
        language__in=labeler.languages,
        rankings_needed__gt=F("rankings_open") + F("rankings_done"),
    )


def demonstrations_available(labeler: Labeler) -> QuerySet[Prompt]:
    met = Assignment.objects.filter(labeler=labeler, prompt=OuterRef("pk"), kind=AssignmentKind.DEMONSTRATION)
    return Prompt.objects.filter(
        ~Exists(met),
        *not_opted_out(labeler, "content_warnings"),
        campaign__state=CampaignState.ACTIVE,
        language__in=labeler.languages,
        set_aside_reason="",
        demonstrations_needed__gt=F("demonstrations_open") + F("demonstrations_done"),
    )


def available_by_campaign(labeler: Labeler, kind: AssignmentKind) -> dict[int, int]:
    """Campaign id → how many pieces of work of that kind the labeler could claim."""
    work: QuerySet[RankingTask] | QuerySet[Prompt] = (
        rankings_available(labeler) if kind == AssignmentKind.RANKING else demonstrations_available(labeler)
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
