"""What waits or failed, for the notices of the admin's front page."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Min, OuterRef
from django.utils import timezone

from labeling.base.states import CampaignState, LabelerState, ModelKind, RunState, TaskState
from labeling.campaigns.models.campaigns import Campaign
from labeling.model_versions.models import ModelVersion
from labeling.people.models import Labeler
from labeling.ranking_tasks.models import HAS_A_FREE_PLACE, RankingTask
from labeling.training.models import TrainingRun

WAITS_TOO_LONG = timedelta(minutes=10)
"""Longer than a worker needs to take up its next message: probably none is running."""


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """Tasks set aside for one reason."""

    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class NoticeFacts:
    set_aside: list[SetAside]
    failed_run: TrainingRun | None
    """The last run, where that failed."""
    waiting_run: TrainingRun | None
    waiting_sampling: int
    sampling_since: datetime | None
    empty_campaigns: list[Campaign]
    """Open to labelers, but without a single ranking to hand out."""
    has_campaign: bool
    has_sft_model: bool
    waiting_labelers: int


def notice_facts() -> NoticeFacts:
    long_ago = timezone.now() - WAITS_TOO_LONG
    last_run = TrainingRun.objects.order_by("-id").first()
    sampling = RankingTask.objects.filter(state=TaskState.SAMPLING, created_at__lt=long_ago).aggregate(
        count=Count("pk"), since=Min("created_at")
    )
    waiting = last_run if last_run and last_run.state == RunState.QUEUED and last_run.created_at < long_ago else None
    return NoticeFacts(
        set_aside=_set_aside(),
        failed_run=last_run if last_run and last_run.state == RunState.FAILED else None,
        waiting_run=waiting,
        waiting_sampling=sampling["count"],
        sampling_since=sampling["since"],
        empty_campaigns=_empty_campaigns(),
        has_campaign=Campaign.objects.filter(state=CampaignState.ACTIVE).exists(),
        has_sft_model=ModelVersion.objects.current(ModelKind.SFT).exists(),
        waiting_labelers=Labeler.objects.filter(state__in=[LabelerState.INVITED, LabelerState.SCREENING]).count(),
    )


def _set_aside() -> list[SetAside]:
    reasons = RankingTask.objects.filter(state=TaskState.SET_ASIDE).order_by().values("set_aside_reason")
    counted = reasons.annotate(count=Count("pk")).order_by("-count", "set_aside_reason")
    return [SetAside(reason=row["set_aside_reason"], count=row["count"]) for row in counted[:5]]


def _empty_campaigns() -> list[Campaign]:
    claimable = RankingTask.objects.filter(HAS_A_FREE_PLACE, campaign=OuterRef("pk"))
    return list(Campaign.objects.filter(~Exists(claimable), state=CampaignState.ACTIVE, simulated=False))
