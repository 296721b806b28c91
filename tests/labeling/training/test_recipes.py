"""Reward models side by side, each with its own recipe, campaigns, schedule and versions."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from labeling.model_versions.queries import current_reward_model
from labeling.model_versions.services.reward_models import create_reward_model, default_reward_model, make_default
from labeling.models import Campaign, RewardModel, TrainingRecipe, TrainingRun
from labeling.training.services.recipes import change_recipe, current_recipe
from labeling.training.services.requesting import request_retraining
from labeling.training.services.retraining import _training_options
from labeling.training.services.runs import fail_run
from labeling.training.services.schedule import Schedule, request_if_due
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db

SCHEDULE = Schedule(after_rankings=2, after_days=7, include_simulated=False)
RECIPE = {
    "base": "", "learning_rate": "1e-5", "rankings_per_batch": "32", "epochs": "2", "max_length": "1024",
    "lora_rank": "8", "strength": "margin", "label_smoothing": "0.1", "half": "all",
    "note": "A margin, as Llama 2 has it.",
}  # fmt: skip


def page(reward_model: RewardModel) -> str:
    return reverse("admin:labeling_rewardmodel_change", args=[reward_model.pk])


def ranked(campaign: Campaign, count: int) -> None:
    labeler = make_labeler(f"labeler-of-{campaign.slug}")
    for _ in range(count):
        make_ready_task(make_prompt(campaign))
        rank(labeler, [1, 2, 3, 4])


def test_the_first_recipe_is_what_the_settings_say(settings: Any) -> None:
    settings.RM_EPOCHS, settings.RM_BASE_MODEL_PATH = 3, "/base"
    recipe = current_recipe(default_reward_model())
    assert (recipe.version, recipe.epochs, recipe.base) == (1, 3, "/base")
    settings.RM_EPOCHS = 4  # of an installation that trains already only an admin changes it
    assert current_recipe(default_reward_model()) == recipe


def test_a_changed_recipe_is_a_new_version_and_runs_keep_theirs() -> None:
    reward_model = default_reward_model()
    before = request_retraining(trigger="manual")
    changed = change_recipe(reward_model=reward_model, epochs=3, strength="margin", note="more")
    assert (changed.version, changed.epochs, changed.max_length) == (2, 3, before.recipe.max_length)
    fail_run(run=before, reason="ended")
    after = request_retraining(trigger="manual")
    assert [run.recipe.version for run in TrainingRun.objects.order_by("pk")] == [1, 2]
    options = _training_options(after.recipe)
    assert (options["epochs"], options["strength"]) == (3, "margin")


def test_a_recipe_out_of_range_is_refused() -> None:
    with pytest.raises(ValidationError):
        change_recipe(reward_model=default_reward_model(), label_smoothing=0.5)
    assert not TrainingRecipe.objects.filter(version=2).exists()


def test_an_admin_changes_the_recipe_and_the_page_shows_both_versions() -> None:
    reward_model, client = default_reward_model(), admin_browser()
    address = reverse("admin:labeling_rewardmodel_change_recipe", args=[reward_model.pk])
    assert 'value="1"' in client.get(address).text
    assert client.post(address, RECIPE | {"epochs": "0"}).status_code == 422
    said = client.post(address, RECIPE, follow=True)
    assert texts_of(said) == ["Recipe 2 of “Reward model” holds from the next run on."]
    assert "A margin, as Llama 2 has it." in said.text
    recipe = current_recipe(reward_model)
    assert (recipe.version, recipe.lora_rank, recipe.created_by.username if recipe.created_by else "") == (2, 8, "olga")


def test_an_admin_makes_a_second_reward_model_and_a_campaign_feeds_it() -> None:
    client = admin_browser()
    fields = {"slug": "safe", "name": "Safe", "description": "Harmless.", "retrains_itself": "on"}
    client.post(reverse("admin:labeling_rewardmodel_add"), fields)
    safe = RewardModel.objects.get(slug="safe")
    campaign = make_campaign()
    campaign.reward_models.set([safe])
    assert str(campaign) in client.get(page(safe)).text
    client.post(page(safe), fields | {"slug": "other", "name": "Harmless", "retrain_after_rankings": "500"})
    safe.refresh_from_db()
    assert (safe.slug, safe.name, safe.retrain_after_rankings) == ("safe", "Harmless", 500)
    client.post(reverse("admin:labeling_rewardmodel_make_default", args=[safe.pk]))
    assert default_reward_model() == safe


def test_each_is_retrained_when_its_own_campaigns_have_enough() -> None:
    helpful, harmless = make_campaign(), make_campaign()
    safe = create_reward_model(slug="safe", name="Safe")
    harmless.reward_models.set([safe])
    ranked(helpful, 1)
    ranked(harmless, 2)
    (run,) = request_if_due(SCHEDULE)
    assert run.reward_model == safe
    ranked(make_campaign(), 2)
    (other,) = request_if_due(SCHEDULE)  # two runs, of two reward models
    assert other.reward_model == default_reward_model()
    assert request_if_due(SCHEDULE) == []


def test_schedules_are_the_reward_models_own() -> None:
    reward_model = default_reward_model()
    ranked(make_campaign(), 2)
    RewardModel.objects.update(retrain_after_rankings=3)
    assert request_if_due(SCHEDULE) == []
    RewardModel.objects.update(retrain_after_rankings=None, retrains_itself=False)
    assert request_if_due(SCHEDULE) == []
    RewardModel.objects.update(retrains_itself=True)
    assert [run.reward_model for run in request_if_due(SCHEDULE)] == [reward_model]


def test_what_only_evaluates_never_trains_or_is_left_out_sets_nothing_off() -> None:
    for use in ("evaluate_only", "never_train"):
        ranked(make_campaign(use=use), 2)
    assert request_if_due(SCHEDULE) == []


def test_the_default_answers_for_whoever_names_none() -> None:
    assert current_reward_model() is None
    safe = create_reward_model(slug="safe", name="Safe")
    make_default(reward_model=safe)
    assert [each.slug for each in RewardModel.objects.filter(is_default=True)] == ["safe"]
