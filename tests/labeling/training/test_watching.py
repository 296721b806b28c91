"""A reward model and the one that watches it: each learns from one half of the same rankings, and both together."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.urls import reverse
from django.utils import translation
from pytest_django import Settings

from labeling.base.admin.refusals_in_words import refusal_in_words
from labeling.base.refusals import ModelRefused, RetrainingRefused
from labeling.base.states import Half
from labeling.model_versions.services.reward_models import (
    change_reward_model,
    create_reward_model,
    default_reward_model,
    make_default,
)
from labeling.models import RewardModel, TrainingRun
from labeling.training.services.recipes import change_recipe, current_recipe
from labeling.training.services.requesting import request_retraining
from labeling.training.services.runs import fail_run
from labeling.training.services.schedule import Schedule, request_if_due
from labeling.training.services.watching import have_watched
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db


def watched() -> tuple[RewardModel, RewardModel]:
    """The default reward model with its watcher, whose first runs were ended."""
    run = have_watched(reward_model=default_reward_model(), trigger="manual")
    for one in (run, run.watching):
        fail_run(run=one, reason="ended")
    return run.reward_model, run.watching.reward_model


def refused(words: str, reward_model: RewardModel) -> None:
    with pytest.raises(RetrainingRefused, match=words) as refusal:
        have_watched(reward_model=reward_model, trigger="manual")
    with translation.override("zh-hans"):
        assert refusal_in_words(refusal.value) != str(refusal.value)


def test_one_action_gives_each_its_half_and_asks_for_both() -> None:
    reward_model, client = default_reward_model(), admin_browser()
    change_recipe(reward_model=reward_model, epochs=3)
    page = reverse("admin:labeling_rewardmodel_change", args=[reward_model.pk])
    address = reverse("admin:labeling_rewardmodel_have_watched", args=[reward_model.pk])
    assert address in client.get(page).text
    said = client.post(address, {"note": "The policy shouts."}, follow=True)
    first, second = TrainingRun.objects.order_by("pk")
    assert texts_of(said) == [f"Training runs {first.pk} and {second.pk} were asked for, one of each half."]
    watcher = second.reward_model
    assert (first.reward_model, watcher.watches, second.beside) == (reward_model, reward_model, first)
    assert [(run.recipe.half, run.recipe.epochs) for run in (first, second)] == [("first", 3), ("second", 3)]
    assert (watcher.slug, second.trigger_note) == ("reward-watching", "The policy shouts.")
    text = client.get(page).text
    assert address not in text
    for one, other in ((reward_model, watcher), (watcher, reward_model)):
        shown = client.get(reverse("admin:labeling_rewardmodel_change", args=[one.pk])).text
        assert reverse("admin:labeling_rewardmodel_change", args=[other.pk]) in shown
    chinese = client.get(address, headers={"accept-language": "zh-hans"}).text
    for words in ("Have it watched", "From now on it learns", "Both are trained"):
        assert words not in chinese
    assert client.post(address, {}).status_code == 422
    assert admin_browser("labeling.view_rewardmodel", name="eve").post(address, {}).status_code == 403


def test_a_reward_model_has_one_watcher_and_a_watcher_has_none() -> None:
    reward_model, watcher = watched()
    refused("already. While it retrains by itself", reward_model)
    refused("can't be watched itself", watcher)
    create_reward_model(slug="safe-watching", name="Taken")
    refused("No watcher can be called safe-watching", create_reward_model(slug="safe", name="Safe"))
    assert current_recipe(RewardModel.objects.get(slug="safe")).half == Half.ALL  # nothing of it was done
    with pytest.raises(ModelRefused, match="is fed by no campaign of its own"):
        make_default(reward_model=watcher)
    RewardModel.objects.filter(is_default=True).update(is_default=False)
    with pytest.raises(IntegrityError, match="reward_model_watcher_not_default"):
        RewardModel.objects.filter(pk=watcher.pk).update(is_default=True)


def test_both_are_retrained_together_until_the_watchers_retraining_is_off() -> None:
    reward_model, watcher = watched()
    run = request_retraining(trigger="manual")
    assert run.watching.reward_model == watcher
    with pytest.raises(RetrainingRefused, match=f"Training run {run.watching.pk} is under way"):
        request_retraining(trigger="manual", reward_model=watcher)
    fail_run(run=run, reason="ended")
    with pytest.raises(RetrainingRefused, match=f"Training run {run.watching.pk} is under way"):
        request_retraining(trigger="manual")
    assert not TrainingRun.objects.active().filter(reward_model=reward_model).exists()  # neither, where not both
    fail_run(run=run.watching, reason="ended")
    change_reward_model(reward_model=watcher, retrains_itself=False)
    alone = request_retraining(trigger="manual")
    assert not TrainingRun.objects.filter(beside=alone).exists()
    assert request_retraining(trigger="manual", reward_model=watcher).beside is None


def test_new_rankings_start_both_and_campaigns_feed_the_watched_one_alone(settings: Settings) -> None:
    reward_model, watcher = watched()
    campaign = make_campaign()
    TrainingRun.objects.update(finished_at=None)
    for _ in range(2):
        make_ready_task(make_prompt(campaign))
        rank(make_labeler(f"l{TrainingRun.objects.count()}{_}"), [1, 2, 3, 4])
    schedule = Schedule(after_rankings=2, after_days=7, include_simulated=False)
    (run,) = request_if_due(schedule)
    assert (run.reward_model, run.watching.reward_model) == (reward_model, watcher)
    assert request_if_due(schedule) == []
    client = admin_browser()
    form = client.get(reverse("admin:labeling_campaign_change", args=[campaign.pk])).text
    assert reward_model.name in form
    assert watcher.name not in form
    listed = client.get(reverse("admin:labeling_rewardmodel_changelist")).text
    assert listed.count(f"{campaign}</") == 2  # what feeds the one feeds the other


def test_a_recipe_of_an_unknown_half_is_refused() -> None:
    with pytest.raises(ValidationError):
        change_recipe(reward_model=default_reward_model(), half="third")
