"""What is wrong now: what waits, failed or is gone. The causes behind notices and alerts."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, prefetch_related_objects
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from config.disk import Disk, disks_almost_full
from config.health import redis_state
from labeling.alerts.models import WorkerSign
from labeling.alerts.rules import GOLD_LOOKED_AT, fails_gold
from labeling.base.fast_paths.built_once import BuiltOnce
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
from labeling.desk.queries.idle import Stuck, count_labelers_without_work, stuck_in, waiting_queues
from labeling.model_versions.models import ModelCheck, ModelVersion
from labeling.onboarding.screening.queries.candidates import count_waiting_for_decision
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
    last_runs: list[Run] = [*_last_training_run.instances(), *_last_policy_run.instances()]
    waiting = [run for run in last_runs if run.state == RunState.QUEUED and run.created_at < long_ago]
    queues = waiting_queues()
    gone: list[WorkerSign] = _gone_workers.instances()
    has_sft_model = bool(_sft_model.rows())
    waiting_labelers = {LabelerState(state): count for state, count in _waiting_labelers.rows()}
    return NoticeFacts(
        disks=disks_almost_full(),
        redis=redis_state() == "ok",
        gone=[each for each in gone if each.name != BEAT],
        beat_silent_since=next((each.at for each in gone if each.name == BEAT), None),
        gold_failing=_gold_failing(),
        broken_models=_broken_models(),
        failing_sampling=_failing(_samplings),
        failing_suggestions=_failing(_suggestions),
        failing_scoring=_failing(_scorings),
        set_aside=[SetAside(reason=reason, count=count) for reason, count in _set_aside.rows()],
        failed_runs=[run for run in last_runs if run.state == RunState.FAILED],
        waiting_runs=waiting,
        waiting_sampling=sum(count for _state, count in _sampling_too_long.rows()),
        empty_campaigns=_empty_campaigns(),
        stuck=stuck_in(queues),
        has_campaign=bool(_open_campaign.rows()),
        has_sft_model=has_sft_model,
        sft_model_tried=None if has_sft_model else _sft_model_tried(),
        waiting_labelers=waiting_labelers,
        candidates_to_decide=count_waiting_for_decision() if LabelerState.SCREENING in waiting_labelers else 0,
        labelers_without_work=count_labelers_without_work() if queues else 0,
    )


@BuiltOnce
def _last_training_run() -> QuerySet[TrainingRun]:
    return TrainingRun.objects.order_by("-id")[:1]


@BuiltOnce
def _last_policy_run() -> QuerySet[PolicyRun]:
    return PolicyRun.objects.order_by("-id")[:1]


@BuiltOnce
def _sampling_too_long() -> QuerySet[RankingTask, Any]:
    waiting = RankingTask.objects.filter(state=TaskState.SAMPLING, created_at__lt=Now() - WAITS_TOO_LONG).order_by()
    return waiting.values_list("state").annotate(count=Count("pk"))


@BuiltOnce
def _gone_workers() -> QuerySet[WorkerSign]:
    return WorkerSign.objects.filter(at__lt=Now() - GONE_AFTER)


@BuiltOnce
def _open_campaign() -> QuerySet[Campaign, Any]:
    return Campaign.objects.filter(state=CampaignState.ACTIVE, stage=CampaignStage.WORK).values_list("pk")[:1]


@BuiltOnce
def _sft_model() -> QuerySet[ModelVersion, Any]:
    return ModelVersion.objects.current(ModelKind.SFT).values_list("pk")[:1]


def _sft_model_tried() -> ModelVersion | None:
    check = _waiting_check.first()
    return check.model_version if check else None


@BuiltOnce
def _waiting_check() -> QuerySet[ModelCheck]:
    waiting = ModelCheck.objects.filter(state=CheckState.WAITING, model_version__kind=ModelKind.SFT)
    return waiting.exclude(promotion_reason="").order_by("pk")[:1]


def _broken_models() -> list[ModelCheck]:
    failed = _failed_checks.instances()
    prefetch_related_objects(failed, "model_version")
    return failed


@BuiltOnce
def _failed_checks() -> QuerySet[ModelCheck]:
    last = ModelCheck.objects.filter(model_version=OuterRef("model_version")).order_by("-pk").values("pk")[:1]
    wanted = Q(model_version__state=ModelState.CURRENT) | Q(
        ~Q(promotion_reason=""), model_version__state=ModelState.CANDIDATE
    )
    return ModelCheck.objects.filter(wanted, pk=Subquery(last), state=CheckState.FAILED).order_by("pk")


def _failing(lately: BuiltOnce) -> Failing | None:
    """Returns how often in a row the last rows of a kind of work failed within a day; None for fewer than three."""
    failed = [reason for (reason,) in takewhile(any, lately.rows())]  # what went well gives no reason
    return Failing(times=len(failed), reason=failed[0]) if len(failed) >= FAILING else None


@BuiltOnce
def _samplings() -> QuerySet[SamplingRun, Any]:
    runs = SamplingRun.objects.filter(imported_model_name="").exclude(state=SamplingState.RUNNING)
    return _lately(runs.exclude(task__state=TaskState.SET_ASIDE), "error")


@BuiltOnce
def _suggestions() -> QuerySet[SuggestionRequest, Any]:
    failed = Q(state=SuggestionState.FAILED, failure=SuggestionFailure.ERROR)
    return _lately(SuggestionRequest.objects.filter(Q(state=SuggestionState.READY) | failed), "failure_note")


@BuiltOnce
def _scorings() -> QuerySet[ScoringRequest, Any]:
    return _lately(ScoringRequest.objects.exclude(state=ScoringState.WAITING), "failure")


def _lately(finished: QuerySet[Any], reason: str) -> QuerySet[Any, Any]:
    """Why each of the last rows of a day failed, the newest first; empty where it went well."""
    return finished.filter(finished_at__gt=Now() - timedelta(days=1)).order_by("-finished_at").values_list(reason)[:20]


def _gold_failing() -> list[GoldFailing]:
    last: defaultdict[tuple[int, str], list[bool]] = defaultdict(list)
    for labeler, name, passed in _measured_gold.rows():
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


@BuiltOnce
def _measured_gold() -> QuerySet[Check, Any]:
    """Of whom, and whether they passed, the last first."""
    measured = Check.objects.filter(
        kind=CheckKind.GOLD,
        measured_at__gt=Now() - GOLD_WITHIN,
        labeler__state=LabelerState.ACTIVE,
        labeler__simulated=False,
        task__campaign__stage=CampaignStage.WORK,
    )
    return measured.order_by("-measured_at").values_list("labeler", "labeler__user__username", "passed")


@BuiltOnce
def _waiting_labelers() -> QuerySet[Labeler, Any]:
    waiting = Labeler.objects.filter(state__in=[LabelerState.INVITED, LabelerState.SCREENING]).order_by()
    return waiting.values_list("state").annotate(count=Count("pk"))


@BuiltOnce
def _set_aside() -> QuerySet[RankingTask, Any]:
    reasons = RankingTask.objects.filter(state=TaskState.SET_ASIDE).order_by().values_list("set_aside_reason")
    return reasons.annotate(count=Count("pk")).order_by("-count", "set_aside_reason")[:5]


def _empty_campaigns() -> list[EmptyCampaign]:
    """Campaigns that are finished, or ask for no rankings, are not among them. Those that compare models ask prompts of
    others.
    """
    return [
        EmptyCampaign(campaign=each, prompts=each.wanting, sampling=each.sampling)
        for each in _without_ready_work.instances()
        if each.wanting or each.sampling or not (each.has_prompts or each.own_writing() or each.one_each)
    ]


@BuiltOnce
def _without_ready_work() -> QuerySet[Any]:
    of_campaign = {"campaign": OuterRef("pk")}
    # By queues and by those who wait, each with an index: a campaign's done tasks may be a million.
    free = RankingTask.objects.filter(HAS_A_FREE_PLACE)
    queued = free.filter(reserved_for=None, queue__campaign=OuterRef("pk"))
    reserved = free.filter(NOT_A_COPY, reserved_for__isnull=False, **of_campaign)
    running = Campaign.objects.filter(state=CampaignState.ACTIVE, simulated=False)
    return running.filter(~Exists(queued), ~Exists(reserved)).annotate(
        wanting=_count(Prompt.objects.filter(WANTS_RANKING_TASK, **of_campaign)),
        sampling=_count(RankingTask.objects.filter(**of_campaign, state=TaskState.SAMPLING)),
        has_prompts=Exists(Prompt.objects.filter(**of_campaign)),
    )


def _count(rows: QuerySet[Any]) -> Coalesce:
    """Of the campaign of the query around it: how many of its rows."""
    counted = rows.order_by().values("campaign").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted), 0)
