"""When a policy is trained by itself: after new labels, or when another version of its reward model is current."""

import logging
from datetime import datetime

from django.conf import settings
from django.db.models import Model, QuerySet
from django.utils import timezone

from labeling.base.refusals import PolicyRefused
from labeling.base.states import LabelerGroup, PolicyStage, RunState
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.ranking.models import Ranking
from labeling.exports.queries import demonstrations_not_left_out, rankings_not_left_out
from labeling.model_versions.queries import current_reward_model
from labeling.policies.models import PolicyRecipe, PolicyRun
from labeling.policies.services.recipes import current_recipe
from labeling.policies.services.requesting import request_policy_run
from labeling.training.services.schedule import WAIT_AFTER_FAILURE, trained_up_to

log = logging.getLogger(__name__)


def request_policies_if_due(*, now: datetime | None = None) -> list[PolicyRun]:
    """Queues a run of each stage that starts by itself and for which it is time, and returns them."""
    now = now or timezone.now()
    found = []
    for stage in PolicyStage.values:
        try:
            found.append(_request_if_due(PolicyStage(stage), now))
        except PolicyRefused as refused:
            log.warning("%s can't begin by itself: %s", stage, refused)  # or another beat was quicker
    return [run for run in found if run is not None]


def _request_if_due(stage: PolicyStage, now: datetime) -> PolicyRun | None:
    runs = PolicyRun.objects.filter(stage=stage)
    recipe = current_recipe(stage)
    if not recipe.starts_itself or runs.active().exists():
        return None
    if runs.filter(state=RunState.FAILED, finished_at__gt=now - WAIT_AFTER_FAILURE).exists():
        return None
    due = _new_reward(recipe, runs) if stage == PolicyStage.PPO else _new_labels(recipe, runs)
    if due is None:
        return None
    trigger, words = due
    return request_policy_run(
        stage=stage, trigger=trigger, note=words, include_simulated=settings.INCLUDE_SIMULATED_IN_RETRAINING
    )


def _new_reward(recipe: PolicyRecipe, runs: QuerySet[PolicyRun]) -> tuple[str, str] | None:
    current = current_reward_model(recipe.reward_model)
    if current is None or runs.filter(state=RunState.DONE, rewarded_by=current).exists():
        return None
    return "reward", f"“{current}” is current, and no policy was trained against it yet."


def _new_labels(recipe: PolicyRecipe, runs: QuerySet[PolicyRun]) -> tuple[str, str] | None:
    fresh = _labels(recipe).filter(submitted_at__gt=trained_up_to(runs))
    count, needed = fresh.count(), recipe.after_labels or settings.RETRAIN_AFTER_RANKINGS
    if count < needed:
        return None
    what = "demonstrations" if recipe.stage == PolicyStage.SFT else "rankings"
    return "labels", f"There are {count} new {what} (the threshold is {needed})."


def _labels(recipe: PolicyRecipe) -> QuerySet[Model]:
    simulated = settings.INCLUDE_SIMULATED_IN_RETRAINING
    if recipe.stage == PolicyStage.SFT:
        written = Demonstration.objects.of_work().of_group(LabelerGroup.TRAINING, include_simulated=simulated)
        return demonstrations_not_left_out(written)
    ranked = Ranking.objects.of_work().first_submissions()
    return rankings_not_left_out(ranked.of_group(LabelerGroup.TRAINING, include_simulated=simulated))
