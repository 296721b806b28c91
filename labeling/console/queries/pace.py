"""How fast labelers use work up now, and whether sampling keeps up: what beat plans by, and the control room shows."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Q, QuerySet, Sum
from django.utils import timezone

from labeling.alerts.models import WorkerSign
from labeling.alerts.queries.causes import GONE_AFTER
from labeling.base.states import AssignmentKind, AssignmentState, SamplingState
from labeling.campaigns.models.campaigns import Campaign
from labeling.console.models import DailyWork
from labeling.console.queries.depth import seconds_per_ranking
from labeling.console.queries.work import Handed
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import Ranking
from labeling.ranking_tasks.models.sampling import SamplerReport, SamplingRun
from labeling.ranking_tasks.planning.rules import FASTEST_SECONDS, USUAL_SECONDS, Pace, Supply, Verdict, verdict_of
from labeling.ranking_tasks.services.tasks import Paces
from sampler.protocol import SamplerSight

AT_WORK = timedelta(minutes=30)
"""Whoever handed in a ranking, or took one, within so long is at work."""
REGULAR = timedelta(days=7)
SAMPLED = timedelta(minutes=30)
"""By so long a time the speed of sampling is measured."""

Where = tuple[int, str]
"""A campaign and a language."""


def paces(by_day: Sequence[Handed], *, now: datetime | None = None, to_plan: bool = True) -> Paces:
    """`by_day`: of a week at least. Not `to_plan`: without who may come back and how long sampling takes."""
    now = now or timezone.now()
    took = seconds_per_ranking(by_day)
    where = _where_people_are(now)
    at_work: defaultdict[Where, float] = defaultdict(float)
    for counted in where.values():
        for place, count in counted.items():
            at_work[place] += count / counted.total()
    regulars, lead = (_regulars(now), _lead_minutes(now)) if to_plan else ({}, {})
    languages = {(each.campaign, each.language) for each in by_day if each.campaign is not None}
    found = {
        (campaign, language): Pace(
            seconds=_seconds(took, campaign, language),
            at_work=at_work[campaign, language],
            regulars=regulars.get((campaign, language), 0),
            lead_minutes=lead.get(campaign, 0.0),
        )
        for campaign, language in languages | at_work.keys()
    }
    campaigns = {labeler: frozenset(campaign for campaign, _ in counted) for labeler, counted in where.items()}
    return Paces(by_queue=found, at_work=campaigns)


def _seconds(took: Mapping[Where, float], campaign: int, language: str) -> float:
    for key in ((campaign, language), (campaign, ""), (0, "")):
        if took.get(key):
            return max(FASTEST_SECONDS, took[key])
    return USUAL_SECONDS


def _where_people_are(now: datetime) -> dict[int, Counter[Where]]:
    """By labeler: what they ranked lately, or hold since lately, in which campaigns and languages."""
    since = now - AT_WORK
    ranked = Ranking.objects.filter(submitted_at__gte=since, simulated=False)
    held = Assignment.objects.filter(
        kind=AssignmentKind.RANKING, state=AssignmentState.OPEN, claimed_at__gte=since, labeler__simulated=False
    )
    found: defaultdict[int, Counter[Where]] = defaultdict(Counter)
    rows: Iterable[tuple[int, int, str]] = (
        *ranked.values_list("labeler", "task__campaign", "task__language"),
        *held.values_list("labeler", "campaign", "task__language"),
    )
    for labeler, campaign, language in rows:
        found[labeler][campaign, language] += 1
    return dict(found)


def _regulars(now: datetime) -> dict[Where, int]:
    days = DailyWork.objects.filter(
        day__gte=timezone.localdate(now) - REGULAR, kind=AssignmentKind.RANKING, simulated=False
    )
    counted = days.order_by().values("campaign", "language").annotate(people=Count("labeler", distinct=True))
    return {(row["campaign"], row["language"]): row["people"] for row in counted}


def _lead_minutes(now: datetime) -> dict[int, float]:
    """By campaign: from making a task to its completions."""
    waited = ExpressionWrapper(F("finished_at") - F("task__created_at"), output_field=DurationField())
    rows = _sampled(now).order_by().values("task__campaign").annotate(waited=Avg(waited))
    return {row["task__campaign"]: row["waited"] / timedelta(minutes=1) for row in rows}


def _sampled(now: datetime) -> QuerySet[SamplingRun]:
    return SamplingRun.objects.filter(
        imported_model_name="", demonstration=None, finished_at__gte=now - SAMPLED, state=SamplingState.DONE
    )


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What sampling workers did lately, all campaigns together, against what is used up."""

    supply: Supply
    tokens: int
    completions: int
    verdict: Verdict | None
    failures: Mapping[str, int]
    """Runs that failed, by reason (SamplingFailure)."""
    reports: Sequence[SamplerReport]
    """Of the samplers that are in workers' memories."""

    @property
    def tokens_per_second(self) -> float | None:
        """Of the time in which a worker was busy."""
        return self.tokens / self.supply.busy_seconds if self.supply.busy_seconds else None


def sampling_now(known: Paces, *, now: datetime | None = None) -> Sampling:
    now = now or timezone.now()
    runs = SamplingRun.objects.filter(imported_model_name="", demonstration=None, finished_at__gte=now - SAMPLED)
    by_failure = (
        runs.order_by()
        .values("failure")
        .annotate(
            runs=Count("pk"),
            tasks=Count("task", distinct=True, filter=Q(seconds__isnull=False)),
            busy=Sum("seconds", default=0.0),
            tokens=Sum("new_tokens", default=0),
            asked=Sum("requested", filter=Q(state=SamplingState.DONE), default=0),
        )
    )
    rows: dict[str, Any] = {row["failure"]: row for row in by_failure}
    did: Mapping[str, Any] = rows.pop("", {"tasks": 0, "busy": 0.0, "tokens": 0, "asked": 0})
    workers = WorkerSign.objects.filter(queues__contains="sampling", at__gt=now - GONE_AFTER).count()
    supply = Supply(
        window_minutes=SAMPLED / timedelta(minutes=1), workers=workers, tasks=did["tasks"], busy_seconds=did["busy"]
    )
    return Sampling(
        supply=supply,
        tokens=did["tokens"],
        completions=did["asked"],
        verdict=_verdict(supply, known),
        failures={failure: row["runs"] for failure, row in rows.items()},
        reports=list(_reports(since=now - SAMPLED)),
    )


def _reports(since: datetime) -> QuerySet[SamplerReport]:
    """Without those of workers of another version, which say less than is shown here."""
    whole = SamplerReport.objects.filter(sight__has_keys=[*SamplerSight.__annotations__])
    return whole.select_related("model_version").filter(at__gte=since)


def _verdict(supply: Supply, known: Paces) -> Verdict | None:
    active = {place: pace for place, pace in known.by_queue.items() if pace.at_work}
    campaigns = Campaign.objects.filter(pk__in={campaign for campaign, _language in active})
    per_task = dict(campaigns.values_list("pk", "rankings_per_task")) if active else {}
    per_minute = sum(pace.per_minute for pace in active.values())
    tasks = sum(pace.per_minute / per_task.get(campaign, 1) for (campaign, _language), pace in active.items())
    return verdict_of(
        supply,
        used_per_minute=per_minute,
        rankings_per_task=per_minute / tasks if tasks else 1.0,
        seconds=60 * sum(pace.at_work for pace in active.values()) / per_minute if per_minute else USUAL_SECONDS,
    )
