"""What waits or failed, for the notices of the admin's front page."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from labeling.base.states import (
    CampaignState,
    CheckState,
    LabelerState,
    ModelKind,
    ModelState,
    RunState,
    SamplingState,
    ScoringState,
    SuggestionFailure,
    SuggestionState,
    TaskState,
)
from labeling.campaigns.models.campaigns import Campaign
from labeling.model_versions.models import ModelCheck, ModelVersion
from labeling.people.models import Labeler
from labeling.ranking_tasks.models import HAS_A_FREE_PLACE, RankingTask, SamplingRun
from labeling.rewards.models import ScoringRequest
from labeling.training.models import TrainingRun
from labeling.writing.suggestions.models import SuggestionRequest

FAILING = 3
"""So many failures in a row are no accident."""
WAITS_TOO_LONG = timedelta(minutes=10)
"""Longer than a worker needs to take up its next message: probably none is running."""


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """Tasks set aside for one reason."""

    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Failing:
    """Work of one kind that failed so often that nothing of its kind seems to work. `reason`: of the last time."""

    times: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class NoticeFacts:
    broken_models: list[ModelCheck]
    """Of models that are current, or were to become it, the check that failed."""
    failing_sampling: Failing | None
    failing_suggestions: Failing | None
    failing_scoring: Failing | None
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
        broken_models=_broken_models(),
        failing_sampling=_failing(
            SamplingRun.objects.exclude(state=SamplingState.RUNNING).exclude(task__state=TaskState.SET_ASIDE), "error"
        ),
        failing_suggestions=_failing(
            SuggestionRequest.objects.filter(
                Q(state=SuggestionState.READY) | Q(state=SuggestionState.FAILED, failure=SuggestionFailure.ERROR)
            ),
            "failure_note",
        ),
        failing_scoring=_failing(ScoringRequest.objects.exclude(state=ScoringState.WAITING), "failure"),
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


def _broken_models() -> list[ModelCheck]:
    last = ModelCheck.objects.filter(model_version=OuterRef("model_version")).order_by("-pk").values("pk")[:1]
    wanted = Q(model_version__state=ModelState.CURRENT) | Q(
        ~Q(promotion_reason=""), model_version__state=ModelState.CANDIDATE
    )
    failed = ModelCheck.objects.filter(wanted, pk=Subquery(last), state=CheckState.FAILED)
    return list(failed.select_related("model_version").order_by("pk"))


def _failing(finished: QuerySet[Any], reason: str) -> Failing | None:
    """Returns how often in a row the last rows of a kind of work failed within a day; None for fewer than three."""
    recent = finished.filter(finished_at__gt=timezone.now() - timedelta(days=1)).order_by("-finished_at")
    failed = list(takewhile(bool, recent.values_list(reason, flat=True)[:20]))  # what went well gives no reason
    return Failing(times=len(failed), reason=failed[0]) if len(failed) >= FAILING else None


def _set_aside() -> list[SetAside]:
    reasons = RankingTask.objects.filter(state=TaskState.SET_ASIDE).order_by().values("set_aside_reason")
    counted = reasons.annotate(count=Count("pk")).order_by("-count", "set_aside_reason")
    return [SetAside(reason=row["set_aside_reason"], count=row["count"]) for row in counted[:5]]


def _empty_campaigns() -> list[Campaign]:
    claimable = RankingTask.objects.filter(HAS_A_FREE_PLACE, campaign=OuterRef("pk"))
    return list(Campaign.objects.filter(~Exists(claimable), state=CampaignState.ACTIVE))
