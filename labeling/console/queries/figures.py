"""Figures that pages count themselves while that is quick, and take from beat when it is not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict, cast

from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils import timezone

from labeling.base.states import CampaignStage, CampaignState, TaskState
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.console.models import KeptFigure
from labeling.console.queries.work import EVER, count_ever
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import BY_PEOPLE
from labeling.quality.agreement.queries.cuts import Cut
from labeling.quality.agreement.queries.figures import parts_of
from labeling.ranking_tasks.models.tasks import FREE_PLACES, NOT_A_COPY, RankingTask

QUICK_SECONDS = 0.03
"""What beat counted in less, a page counts anew, so that it shows what is true now."""


class WorkCounts(TypedDict):
    """Of one campaign and language. `places`: rankings that could be begun now, of tasks that are ready.

    `rankings_wanted`: of all tasks that there are; `tasks_to_make`: tasks that prompts still want.
    """

    campaign: int
    language: str
    prompts: int
    prompts_aside: int
    demonstrations_wanted: int
    demonstrations_open: int
    tasks_to_make: int
    tasks_sampling: int
    tasks_ready: int
    tasks_done: int
    tasks_aside: int
    places: int
    rankings_wanted: int


class WeekOfAgreement(TypedDict):
    """Pairwise agreement of labelers with each other, ties left out, with its 95% interval. None: not enough data."""

    week: str
    value: float | None
    low: float | None
    high: float | None
    pairs: int


WEEKS = 26
EVERYWHERE = "all"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """`counted_at`: as of when the oldest of them is true."""

    work: list[WorkCounts]
    demonstrations: int
    agreement: dict[str, list[WeekOfAgreement]]
    """By the id of an open or paused campaign, and of EVERYWHERE; as beat counted it last."""
    counted_at: datetime


def figures() -> Figures:
    kept = KeptFigure.objects.in_bulk(list(FIGURES))
    found: dict[str, Any] = {}
    as_of = timezone.now()
    for name, count in FIGURES.items():
        one = kept.get(name)
        if name not in ONLY_KEPT and (one is None or one.seconds < QUICK_SECONDS):
            found[name] = count()
        elif one is None:
            found[name] = {}
        else:
            found[name] = one.value
            as_of = as_of if name in ONLY_KEPT else min(as_of, one.counted_at)
    return Figures(
        work=cast("list[WorkCounts]", found["work"]),
        demonstrations=int(found["demonstrations"]),
        agreement=cast("dict[str, list[WeekOfAgreement]]", found["agreement"]),
        counted_at=as_of,
    )


def _count_work() -> list[WorkCounts]:
    found: dict[tuple[int, str], dict[str, Any]] = {}
    empty = dict.fromkeys(WorkCounts.__annotations__, 0)
    for rows in (_prompts(), _tasks()):
        for row in rows:
            key = (row["campaign"], row["language"])
            found.setdefault(key, dict(empty)).update(row)
    return [cast("WorkCounts", found[key]) for key in sorted(found)]


def _prompts() -> QuerySet[Any, Any]:
    in_use = Q(set_aside_reason="")
    to_make = in_use & Q(ranking_tasks_needed__gt=F("ranking_tasks_made"))
    return (
        Prompt.objects.order_by()
        .values("campaign", "language")
        .annotate(
            prompts=Count("pk"),
            prompts_aside=Count("pk", filter=~in_use),
            demonstrations_wanted=Sum(
                F("demonstrations_needed") - F("demonstrations_open") - F("demonstrations_done"),
                filter=in_use,
                default=0,
            ),
            demonstrations_open=Sum("demonstrations_open"),
            tasks_to_make=Sum(F("ranking_tasks_needed") - F("ranking_tasks_made"), filter=to_make, default=0),
        )
    )


def _tasks() -> QuerySet[Any, Any]:
    of_state = {
        name: Count("pk", filter=Q(state=state))
        for name, state in (
            ("tasks_sampling", TaskState.SAMPLING),
            ("tasks_ready", TaskState.READY),
            ("tasks_done", TaskState.DONE),
            ("tasks_aside", TaskState.SET_ASIDE),
        )
    }
    coming = Q(state__in=[TaskState.SAMPLING, TaskState.READY])
    return (
        RankingTask.objects.filter(NOT_A_COPY)
        .order_by()
        .values("campaign", "language")
        .annotate(
            **of_state,
            places=Sum(FREE_PLACES, filter=Q(state=TaskState.READY), default=0),
            rankings_wanted=Sum(F("rankings_needed") - F("rankings_done"), filter=coming, default=0),
        )
    )


def _count_demonstrations() -> int:
    return Demonstration.objects.of_work().first_submissions().filter(BY_PEOPLE).count()


def _count_agreement() -> dict[str, list[WeekOfAgreement]]:
    since = timezone.localdate() - timedelta(weeks=WEEKS)
    running = Campaign.objects.filter(
        state__in=[CampaignState.ACTIVE, CampaignState.PAUSED], stage=CampaignStage.WORK, simulated=False
    )
    newest = running.order_by("-pk").values_list("pk", flat=True)[:MOST]
    cuts = {str(pk): Cut(since=since, campaign=pk) for pk in newest}
    return {name: _weeks(cut) for name, cut in ({EVERYWHERE: Cut(since=since)} | cuts).items()}


MOST = 20
"""Campaigns whose agreement is counted apart, the newest; each is a query."""


def _weeks(cut: Cut) -> list[WeekOfAgreement]:
    found = []
    for part in parts_of(cut, "week"):
        share = part.share
        found.append(
            WeekOfAgreement(
                week=part.value,
                value=share.value if share else None,
                low=share.low if share else None,
                high=share.high if share else None,
                pairs=share.pairs if share else 0,
            )
        )
    return found


ONLY_KEPT = frozenset({"agreement", EVER})
"""The one takes a query for each campaign, which a page has no time for; the other is added to what came since."""
FIGURES: Mapping[str, Callable[[], Any]] = {
    "work": _count_work,
    "demonstrations": _count_demonstrations,
    "agreement": _count_agreement,
    EVER: count_ever,
}
