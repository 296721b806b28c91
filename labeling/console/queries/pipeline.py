"""Counts of each step from a prompt to a promoted model, for the admin's front page."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet, Sum, Window
from django.utils import timezone

from labeling.base.fast_paths.built_once import BuiltOnce
from labeling.base.states import AssignmentKind, CampaignStage, CampaignState, RunState, SamplingState
from labeling.campaigns.models.campaigns import Campaign
from labeling.console.queries.figures import Figures, WorkCounts
from labeling.console.queries.work import Work
from labeling.exports.models import Snapshot
from labeling.model_versions.models import ModelVersion
from labeling.ranking_tasks.models.sampling import SamplingRun
from labeling.training.models import TrainingPoint, TrainingRun


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
    sampled_last_hour: int
    """Completions."""


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
    """Campaigns of simulated labelers are counted nowhere beside those of people, nor is screening and practice."""

    prompts: PromptCounts
    tasks: TaskCounts
    rankings: RankingCounts
    snapshots: int
    last_snapshot: Snapshot | None
    runs: RunCounts
    current: list[ModelVersion]
    """The SFT model, and the version of each reward model that has one."""
    counted_at: datetime
    """As of when prompts and tasks are counted."""


def pipeline(*, campaigns: dict[int, Campaign], figures: Figures, work: Work) -> Pipeline:
    """`campaigns`: those that are looked at, by id; `work`: of a week at least."""
    snapshot: Any = _last_snapshot.first()
    return Pipeline(
        prompts=_prompts(figures, campaigns),
        tasks=_tasks(figures.work, campaigns),
        rankings=_rankings(work, campaigns),
        snapshots=snapshot.count if snapshot else 0,
        last_snapshot=snapshot,
        runs=_runs(),
        current=list(ModelVersion.objects.current().select_related("reward_model", "snapshot")),
        counted_at=figures.counted_at,
    )


@BuiltOnce
def _last_snapshot() -> QuerySet[Any]:
    """With how many there are."""
    return Snapshot.objects.order_by("-id").annotate(count=Window(Count("pk")))[:1]


def of_people(campaign: Campaign | None) -> bool:
    return campaign is not None and not campaign.simulated and campaign.stage == CampaignStage.WORK


def _prompts(figures: Figures, campaigns: dict[int, Campaign]) -> PromptCounts:
    rows = [row for row in figures.work if of_people(campaigns.get(row["campaign"]))]
    return PromptCounts(
        total=sum(row["prompts"] for row in rows),
        set_aside=sum(row["prompts_aside"] for row in rows),
        wanted=sum(row["demonstrations_wanted"] for row in rows),
        open=sum(row["demonstrations_open"] for row in rows),
        done=figures.demonstrations,
    )


def _tasks(work: Iterable[WorkCounts], campaigns: dict[int, Campaign]) -> TaskCounts:
    rows = [row for row in work if of_people(campaigns.get(row["campaign"]))]
    active = [row for row in rows if campaigns[row["campaign"]].state == CampaignState.ACTIVE]
    hour_ago = timezone.now() - timedelta(hours=1)
    sampled = SamplingRun.objects.filter(imported_model_name="", finished_at__gt=hour_ago, state=SamplingState.DONE)
    return TaskCounts(
        sampling=sum(row["tasks_sampling"] for row in rows),
        ready=sum(row["tasks_ready"] for row in active),
        done=sum(row["tasks_done"] for row in rows),
        set_aside=sum(row["tasks_aside"] for row in rows),
        open_places=sum(row["places"] for row in active),
        sampled_last_hour=sampled.aggregate(completions=Sum("requested", default=0))["completions"],
    )


def _rankings(work: Work, campaigns: dict[int, Campaign]) -> RankingCounts:
    today = timezone.localdate()
    ever = [row for row in work.ever if row.kind == AssignmentKind.RANKING and row.campaign in campaigns]
    lately = [
        row
        for row in work.by_day
        if row.kind == AssignmentKind.RANKING and not row.simulated and row.campaign in campaigns and row.day
    ]
    return RankingCounts(
        total=sum(row.count for row in ever if not row.simulated),
        today=sum(row.count for row in lately if row.day == today),
        week=sum(row.count for row in lately if row.day and row.day > today - timedelta(days=7)),
        simulated=sum(row.count for row in ever if row.simulated),
    )


def _runs() -> RunCounts:
    states = Counter(dict(_runs_by_state.rows()))
    active = _active_run.first()
    return RunCounts(
        done=states[RunState.DONE],
        failed=states[RunState.FAILED],
        active=active,
        active_step=last_step(active) if active else None,
    )


@BuiltOnce
def _runs_by_state() -> QuerySet[TrainingRun, Any]:
    return TrainingRun.objects.order_by().values_list("state").annotate(count=Count("pk"))


@BuiltOnce
def _active_run() -> QuerySet[TrainingRun]:
    return TrainingRun.objects.active()[:1]


def last_step(run: TrainingRun) -> int | None:
    """The number of the optimizer step that the run wrote last."""
    return TrainingPoint.objects.filter(run=run).order_by("-step").values_list("step", flat=True).first()
