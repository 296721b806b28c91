"""How long the ready work lasts, by campaign and language, and how far each campaign is."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from labeling.base.states import AssignmentKind, CampaignState
from labeling.campaigns.models.campaigns import Campaign
from labeling.console.queries.figures import Figures
from labeling.console.queries.pipeline import of_people
from labeling.console.queries.work import Handed, Work
from labeling.console.rules.forecast import Forecast, forecast

FORECAST_DAYS = 28
"""Whole weeks, so that each day of the week counts alike."""


@dataclass(frozen=True, kw_only=True)
class Depth:
    """Ranking tasks of one language of an open campaign of real work.

    `minutes` is None while nobody knows how long one takes.
    """

    campaign: Campaign
    language: str
    ready: int
    sampling: int
    places: int
    minutes: float | None


def depths(*, campaigns: dict[int, Campaign], figures: Figures, work: Work) -> list[Depth]:
    """Minutes are rankings that could be begun, times the mean active time of one in the last days: of the same
    campaign and language, else of the campaign, else of all."""
    seconds_of = seconds_per_ranking(work.by_day)
    found = []
    for row in figures.work:
        campaign = campaigns.get(row["campaign"])
        if campaign is None or campaign.state != CampaignState.ACTIVE or not of_people(campaign):
            continue
        keys = ((campaign.pk, row["language"]), (campaign.pk, ""), (0, ""))
        seconds = next((seconds_of[key] for key in keys if key in seconds_of), None)
        found.append(
            Depth(
                campaign=campaign,
                language=row["language"],
                ready=row["tasks_ready"],
                sampling=row["tasks_sampling"],
                places=row["places"],
                minutes=None if seconds is None else row["places"] * seconds / 60,
            )
        )
    return sorted(found, key=lambda each: (each.campaign.name, each.language))


def seconds_per_ranking(rows: Sequence[Handed]) -> dict[tuple[int, str], float]:
    """By (campaign, language), (campaign, "") and (0, "")."""
    sums: defaultdict[tuple[int, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row in rows:
        if row.kind == AssignmentKind.RANKING and not row.simulated and row.campaign is not None:
            for key in ((row.campaign, row.language), (row.campaign, ""), (0, "")):
                sums[key][0] += row.active_seconds
                sums[key][1] += row.count
    return {key: seconds / count for key, (seconds, count) in sums.items() if count}


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Rankings of people. `left`: of tasks that there are, and of those that prompts still want."""

    campaign: Campaign
    done: int
    left: int
    per_day: float | None
    """The mean of the days that the forecast goes by."""
    forecast: Forecast | None


def progress_of_campaigns(*, campaigns: dict[int, Campaign], figures: Figures, work: Work) -> list[Progress]:
    """Open and paused campaigns of real work."""
    left: defaultdict[int, int] = defaultdict(int)
    for row in figures.work:
        campaign = campaigns.get(row["campaign"])
        if campaign is not None:
            left[campaign.pk] += row["rankings_wanted"] + row["tasks_to_make"] * campaign.rankings_per_task
    done: defaultdict[int, int] = defaultdict(int)
    for each in work.ever:
        if each.kind == AssignmentKind.RANKING and not each.simulated and each.campaign is not None:
            done[each.campaign] += each.count
    return [
        _progress(campaign, done=done[campaign.pk], left=left[campaign.pk], work=work)
        for campaign in sorted(campaigns.values(), key=lambda each: each.name)
        if of_people(campaign) and campaign.state in (CampaignState.ACTIVE, CampaignState.PAUSED)
    ]


def _progress(campaign: Campaign, *, done: int, left: int, work: Work) -> Progress:
    per_day = per_day_of(campaign.pk, work)
    coming = forecast(left=left, per_day=per_day) if campaign.state == CampaignState.ACTIVE else None
    mean = sum(per_day) / len(per_day) if per_day else None
    return Progress(campaign=campaign, done=done, left=left, per_day=mean, forecast=coming)


def per_day_of(campaign: int, work: Work) -> list[int]:
    """Rankings of people on each of the last whole days, from the first on which there was one."""
    today = timezone.localdate()
    by_day: defaultdict[int, int] = defaultdict(int)
    for row in work.by_day:
        if row.campaign == campaign and row.kind == AssignmentKind.RANKING and not row.simulated and row.day:
            by_day[(today - row.day) // timedelta(days=1)] += row.count
    days = [by_day[ago] for ago in range(FORECAST_DAYS, 0, -1)]
    first = next((number for number, count in enumerate(days) if count), len(days))
    return days[first:]
