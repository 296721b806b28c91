"""Counts of each step from a prompt to a promoted model, for the admin's front page."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from labeling.base.states import (
    CampaignStage,
    CampaignState,
    ModelState,
    RunState,
    TaskState,
)
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import BY_PEOPLE
from labeling.desk.ranking.models import Ranking
from labeling.exports.models import Snapshot
from labeling.model_versions.models import ModelVersion
from labeling.ranking_tasks.models import FREE_PLACES, NOT_A_COPY, RankingTask
from labeling.training.models import TrainingPoint, TrainingRun

OF_PEOPLE = Q(campaign__simulated=False, campaign__stage=CampaignStage.WORK.value)
"""Campaigns of simulated labelers are counted nowhere beside those of people, nor is screening and practice."""


@dataclass(frozen=True, kw_only=True)
class PromptCounts:
    """`wanted` counts demonstrations that nobody holds yet."""

    total: int
    set_aside: int
    wanted: int
    open: int
    done: int


@dataclass(frozen=True, kw_only=True)
class TaskCounts:
    """`ready` counts those of open campaigns; what drafts, paused and closed ones have waits for nobody."""

    sampling: int
    ready: int
    done: int
    set_aside: int
    open_places: int
    """Rankings that labelers could claim now."""


@dataclass(frozen=True, kw_only=True)
class RankingCounts:
    """First submissions of people; those of simulated labelers apart."""

    total: int
    today: int
    week: int
    simulated: int


@dataclass(frozen=True, kw_only=True)
class RunCounts:
    done: int
    failed: int
    active: TrainingRun | None
    active_step: int | None


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    prompts: PromptCounts
    tasks: TaskCounts
    rankings: RankingCounts
    snapshots: int
    last_snapshot: Snapshot | None
    runs: RunCounts
    current: list[ModelVersion]
    """The SFT model, and the version of each reward model that has one."""
    candidates: int


def pipeline() -> Pipeline:
    return Pipeline(
        prompts=_prompts(),
        tasks=_tasks(),
        rankings=_rankings(),
        snapshots=Snapshot.objects.count(),
        last_snapshot=Snapshot.objects.order_by("-id").first(),
        runs=_runs(),
        current=list(ModelVersion.objects.current().select_related("reward_model", "snapshot")),
        candidates=ModelVersion.objects.filter(state=ModelState.CANDIDATE).count(),
    )


def _prompts() -> PromptCounts:
    in_use = Q(set_aside_reason="")
    counts = Prompt.objects.filter(OF_PEOPLE).aggregate(
        total=Count("pk"),
        in_use=Count("pk", filter=in_use),
        needed=Sum("demonstrations_needed", filter=in_use, default=0),
        taken=Sum(F("demonstrations_open") + F("demonstrations_done"), filter=in_use, default=0),
        open=Sum("demonstrations_open", default=0),
    )
    return PromptCounts(
        total=counts["total"],
        set_aside=counts["total"] - counts["in_use"],
        wanted=counts["needed"] - counts["taken"],
        open=counts["open"],
        done=Demonstration.objects.of_work().first_submissions().filter(BY_PEOPLE).count(),
    )


def _tasks() -> TaskCounts:
    ready = Q(state=TaskState.READY, campaign__state=CampaignState.ACTIVE, campaign__simulated=False)
    return TaskCounts(
        **RankingTask.objects.filter(OF_PEOPLE, NOT_A_COPY).aggregate(
            sampling=Count("pk", filter=Q(state=TaskState.SAMPLING)),
            ready=Count("pk", filter=ready),
            done=Count("pk", filter=Q(state=TaskState.DONE)),
            set_aside=Count("pk", filter=Q(state=TaskState.SET_ASIDE)),
            open_places=Sum(FREE_PLACES, filter=ready, default=0),
        )
    )


def _rankings() -> RankingCounts:
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return RankingCounts(
        **Ranking.objects.of_work()
        .first_submissions()
        .aggregate(
            total=Count("pk", filter=BY_PEOPLE),
            today=Count("pk", filter=BY_PEOPLE & Q(submitted_at__gte=today)),
            week=Count("pk", filter=BY_PEOPLE & Q(submitted_at__gte=today - timedelta(days=6))),
            simulated=Count("pk", filter=~BY_PEOPLE),
        )
    )


def _runs() -> RunCounts:
    states = Counter(dict(TrainingRun.objects.order_by().values_list("state").annotate(count=Count("pk"))))
    active = TrainingRun.objects.active().first()
    return RunCounts(
        done=states[RunState.DONE],
        failed=states[RunState.FAILED],
        active=active,
        active_step=last_step(active) if active else None,
    )


def last_step(run: TrainingRun) -> int | None:
    """The number of the optimizer step that the run wrote last."""
    return TrainingPoint.objects.filter(run=run).order_by("-step").values_list("step", flat=True).first()


def open_campaigns(*, limit: int) -> list[Campaign]:
    """The newest campaigns that are open to labelers."""
    return list(Campaign.objects.filter(state=CampaignState.ACTIVE, simulated=False).order_by("-id")[:limit])
