"""When a reward model is retrained by itself: a campaign that feeds it has many new rankings, or old ones that wait."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from labeling.base.refusals import RetrainingRefused
from labeling.base.states import CampaignState, CampaignUse, LabelerGroup, RunState
from labeling.campaigns.models.campaigns import Campaign
from labeling.desk.ranking.models import Ranking
from labeling.exports.queries import rankings_not_left_out
from labeling.model_versions.models import RewardModel
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.training.models import AnyRun, TrainingRun
from labeling.training.services.requesting import request_retraining

WAIT_AFTER_FAILURE = timedelta(hours=1)
"""A failed run is not repeated at once by beat: what broke it needs a person, or at least time."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What holds where neither the campaign nor the reward model says otherwise."""

    after_rankings: int
    after_days: int
    include_simulated: bool


def request_if_due(schedule: Schedule, *, now: datetime | None = None) -> list[TrainingRun]:
    """Queues a run of each reward model for which it is time, and returns them."""
    now = now or timezone.now()
    default_reward_model()
    found = [_request_if_due(one, schedule, now) for one in RewardModel.objects.filter(retrains_itself=True)]
    return [run for run in found if run is not None]


def _request_if_due(reward_model: RewardModel, schedule: Schedule, now: datetime) -> TrainingRun | None:
    runs = TrainingRun.objects.filter(reward_model=reward_model)
    if runs.active().exists() or runs.filter(state=RunState.FAILED, finished_at__gt=now - WAIT_AFTER_FAILURE).exists():
        return None
    since = trained_up_to(runs)
    feeding = reward_model.campaigns.filter(use=CampaignUse.TRAIN_AND_EVALUATE)
    for campaign in feeding.exclude(state=CampaignState.DRAFT):
        due = _why_due(campaign, reward_model, schedule, since, now)
        if due:
            trigger, note = due
            try:
                return request_retraining(
                    reward_model=reward_model,
                    trigger=trigger,
                    note=note,
                    include_simulated=schedule.include_simulated,
                )
            except RetrainingRefused:
                return None  # another beat was quicker
    return None


def _why_due(
    campaign: Campaign, reward_model: RewardModel, schedule: Schedule, since: datetime, now: datetime
) -> tuple[str, str] | None:
    fresh = rankings_not_left_out(
        Ranking.objects.of_work()
        .first_submissions()
        .of_group(LabelerGroup.TRAINING, include_simulated=schedule.include_simulated)
        .filter(task__campaign=campaign, submitted_at__gt=since)
    )
    count = fresh.count()
    needed = campaign.retrain_after_rankings or reward_model.retrain_after_rankings or schedule.after_rankings
    days = campaign.retrain_after_days or reward_model.retrain_after_days or schedule.after_days
    if count >= needed:
        return "rankings", f"{campaign} has {count} new rankings (the threshold is {needed})."
    oldest = fresh.order_by("submitted_at").values_list("submitted_at", flat=True).first()
    if oldest is not None and now - max(oldest, since) >= timedelta(days=days):
        return "days", f"{campaign} has {count} new rankings, the oldest {(now - oldest).days} days old."
    return None


def trained_up_to(runs: QuerySet[AnyRun]) -> datetime:
    """The as-of time of the last snapshot that one of them finished with; the beginning of time before the first."""
    done = runs.filter(state=RunState.DONE, snapshot__isnull=False)
    latest = done.order_by("-snapshot__as_of").values_list("snapshot__as_of", flat=True).first()
    return latest or datetime.fromtimestamp(0, tz=timezone.get_current_timezone())
