"""What is wrong now: what waits, failed or is gone. The causes behind notices and alerts."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from config.disk import Disk, disks_almost_full
from config.health import redis_state
from labeling.alerts.models import WorkerSign
from labeling.alerts.rules import GOLD_LOOKED_AT, fails_gold
from labeling.base.states import (
    CampaignStage,
    CampaignState,
    CheckKind,
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
from labeling.campaigns.models.prompts import WANTS_RANKING_TASK, Prompt
from labeling.desk.queries.idle import Stuck, labelers_without_work, stuck_in, waiting_queues
from labeling.model_versions.models import ModelCheck, ModelVersion
from labeling.onboarding.screening.queries.candidates import waiting_for_decision
from labeling.people.models import Labeler
from labeling.policies.models import PolicyRun
from labeling.quality.gold.models import Check
from labeling.ranking_tasks.models.sampling import SamplingRun
from labeling.ranking_tasks.models.tasks import HAS_A_FREE_PLACE, NOT_A_COPY, RankingTask
from labeling.rewards.models import ScoringRequest
from labeling.training.models import Run, TrainingRun
from labeling.writing.suggestions.models import SuggestionRequest

FAILING = 3
"""So many failures in a row are no accident."""
WAITS_TOO_LONG = timedelta(minutes=10)
"""Longer than a worker needs to take up its next message: probably none is running."""
BEAT = "beat"
"""The name of beat's row among the workers' signs."""
GONE_AFTER = timedelta(minutes=2)
"""A worker says every 20 seconds that it is up (services/signs.py)."""
GOLD_WITHIN = timedelta(days=14)


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
class EmptyCampaign:
    """An open campaign that has nothing to rank now, though it is not finished."""

    campaign: Campaign
    prompts: int
    """Those of which ranking tasks are still to be made. 0, with nothing sampled: it has no prompts at all."""
    sampling: int


@dataclass(frozen=True, kw_only=True)
class GoldFailing:
    """An active labeler who failed most of the last gold items that they were given."""

    labeler: int
    name: str
    failed: int
    of: int


@dataclass(frozen=True, kw_only=True)
class NoticeFacts:
    disks: list[Disk]
    """Those that are almost full."""
    redis: bool
    """Whether Redis answers."""
    gone: list[WorkerSign]
    """Workers that were up and have not been heard of for GONE_AFTER."""
    beat_silent_since: datetime | None
    """The last sign of beat, where that is long ago."""
    gold_failing: list[GoldFailing]
    broken_models: list[ModelCheck]
    """Of models that are current, or were to become it, the check that failed."""
    failing_sampling: Failing | None
    failing_suggestions: Failing | None
    failing_scoring: Failing | None
    set_aside: list[SetAside]
    failed_runs: list[Run]
    """The last run of each kind, where that failed."""
    waiting_runs: list[Run]
    waiting_sampling: int
    sampling_since: datetime | None
    empty_campaigns: list[EmptyCampaign]
    stuck: list[Stuck]
    has_campaign: bool
    has_sft_model: bool
    sft_model_tried: ModelVersion | None
    """What becomes current as soon as a worker has tried it."""
    waiting_labelers: dict[LabelerState, int]
    """Who waits to be admitted, by state."""
    candidates_to_decide: int
    """Candidates who did all that screening has for them."""
    labelers_without_work: int
    """Active people to whom nothing can be given, though work waits."""


def notice_facts() -> NoticeFacts:
    long_ago = timezone.now() - WAITS_TOO_LONG
    last_runs: list[Run] = [
        run for run in (TrainingRun.objects.order_by("-id").first(), PolicyRun.objects.order_by("-id").first()) if run
    ]
    sampling = RankingTask.objects.filter(state=TaskState.SAMPLING, created_at__lt=long_ago).aggregate(
        count=Count("pk"), since=Min("created_at")
    )
    waiting = [run for run in last_runs if run.state == RunState.QUEUED and run.created_at < long_ago]
    queues = waiting_queues()
    gone = list(WorkerSign.objects.filter(at__lt=timezone.now() - GONE_AFTER))
    has_sft_model = ModelVersion.objects.current(ModelKind.SFT).exists()
    waiting_labelers = _waiting_labelers()
    return NoticeFacts(
        disks=disks_almost_full(),
        redis=redis_state() == "ok",
        gone=[each for each in gone if each.name != BEAT],
        beat_silent_since=next((each.at for each in gone if each.name == BEAT), None),
        gold_failing=_gold_failing(),
        broken_models=_broken_models(),
        failing_sampling=_failing(
            SamplingRun.objects.filter(imported_model_name="")
            .exclude(state=SamplingState.RUNNING)
            .exclude(task__state=TaskState.SET_ASIDE),
            "error",
        ),
        failing_suggestions=_failing(
            SuggestionRequest.objects.filter(
                Q(state=SuggestionState.READY) | Q(state=SuggestionState.FAILED, failure=SuggestionFailure.ERROR)
            ),
            "failure_note",
        ),
        failing_scoring=_failing(ScoringRequest.objects.exclude(state=ScoringState.WAITING), "failure"),
        set_aside=_set_aside(),
        failed_runs=[run for run in last_runs if run.state == RunState.FAILED],
        waiting_runs=waiting,
        waiting_sampling=sampling["count"],
        sampling_since=sampling["since"],
        empty_campaigns=_empty_campaigns(),
        stuck=stuck_in(queues),
        has_campaign=Campaign.objects.filter(state=CampaignState.ACTIVE, stage=CampaignStage.WORK).exists(),
        has_sft_model=has_sft_model,
        sft_model_tried=None if has_sft_model else _sft_model_tried(),
        waiting_labelers=waiting_labelers,
        candidates_to_decide=waiting_for_decision().count() if LabelerState.SCREENING in waiting_labelers else 0,
        labelers_without_work=labelers_without_work().count() if queues else 0,
    )


def _sft_model_tried() -> ModelVersion | None:
    waiting = ModelCheck.objects.filter(state=CheckState.WAITING, model_version__kind=ModelKind.SFT)
    check = waiting.exclude(promotion_reason="").select_related("model_version").order_by("pk").first()
    return check.model_version if check else None


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


def _gold_failing() -> list[GoldFailing]:
    measured = Check.objects.filter(
        kind=CheckKind.GOLD,
        measured_at__gt=timezone.now() - GOLD_WITHIN,
        labeler__state=LabelerState.ACTIVE,
        labeler__simulated=False,
        task__campaign__stage=CampaignStage.WORK,
    )
    last: defaultdict[tuple[int, str], list[bool]] = defaultdict(list)
    for labeler, name, passed in measured.order_by("-measured_at").values_list(
        "labeler", "labeler__user__username", "passed"
    ):
        last[labeler, name].append(bool(passed))
    return [
        GoldFailing(
            labeler=labeler,
            name=name,
            failed=passed[:GOLD_LOOKED_AT].count(False),
            of=len(passed[:GOLD_LOOKED_AT]),
        )
        for (labeler, name), passed in sorted(last.items())
        if fails_gold(passed)
    ]


def _waiting_labelers() -> dict[LabelerState, int]:
    waiting = Labeler.objects.filter(state__in=[LabelerState.INVITED, LabelerState.SCREENING]).order_by()
    return {LabelerState(state): count for state, count in waiting.values_list("state").annotate(count=Count("pk"))}


def _set_aside() -> list[SetAside]:
    reasons = RankingTask.objects.filter(state=TaskState.SET_ASIDE).order_by().values("set_aside_reason")
    counted = reasons.annotate(count=Count("pk")).order_by("-count", "set_aside_reason")
    return [SetAside(reason=row["set_aside_reason"], count=row["count"]) for row in counted[:5]]


def _empty_campaigns() -> list[EmptyCampaign]:
    """Campaigns that are finished, or ask for no rankings, are not among them. Those that compare models ask prompts of
    others.
    """
    of_campaign = {"campaign": OuterRef("pk")}
    # By queues and by those who wait, each with an index: a campaign's done tasks may be a million.
    free = RankingTask.objects.filter(HAS_A_FREE_PLACE)
    queued = free.filter(reserved_for=None, queue__campaign=OuterRef("pk"))
    reserved = free.filter(NOT_A_COPY, reserved_for__isnull=False, **of_campaign)
    running = Campaign.objects.filter(state=CampaignState.ACTIVE, simulated=False)
    campaigns = running.filter(~Exists(queued), ~Exists(reserved)).annotate(
        wanting=_count(Prompt.objects.filter(WANTS_RANKING_TASK, **of_campaign)),
        sampling=_count(RankingTask.objects.filter(**of_campaign, state=TaskState.SAMPLING)),
        has_prompts=Exists(Prompt.objects.filter(**of_campaign)),
    )
    return [
        EmptyCampaign(campaign=each, prompts=each.wanting, sampling=each.sampling)
        for each in campaigns
        if each.wanting or each.sampling or not (each.has_prompts or each.own_writing() or each.one_each)
    ]


def _count(rows: QuerySet[Any]) -> Coalesce:
    """Of the campaign of the query around it: how many of its rows."""
    counted = rows.order_by().values("campaign").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted), 0)
