"""What a policy is trained from, by which recipe, and when by itself."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from labeling.base.refusals import PolicyRefused
from labeling.base.states import CheckState, PolicyStage
from labeling.model_versions.services.reward_models import create_reward_model, default_reward_model
from labeling.models import ModelCheck, ModelVersion, PolicyRecipe, PolicyRun, Snapshot
from labeling.policies.services.recipes import change_recipe, current_recipe
from labeling.policies.services.schedule import request_policies_if_due
from labeling.training.services.runs import claim_run, fail_run
from tests.labeling.cast import make_campaign, make_labeler, make_prompt
from tests.labeling.handed_in import write
from tests.labeling.policies.scripted_trainer import asked, named
from tests.labeling.scripted_rewarder import current_reward_model

pytestmark = pytest.mark.django_db


def refused(stage: str, **options: Any) -> str:
    with pytest.raises(PolicyRefused) as refusal:
        asked(stage, **options)
    return str(refusal.value)


def test_ppo_begins_from_the_current_models_and_keeps_them() -> None:
    assert "no language model to begin from" in refused("ppo")
    sft = named("sft", state="current")
    assert "No version of the default reward model is current" in refused("ppo")
    reward = current_reward_model()
    run = asked("ppo")
    assert (run.start, run.rewarded_by, run.watched_by, run.recipe.version) == (sft, reward, None, 1)
    current_reward_model()  # another is current now
    run.refresh_from_db()
    assert run.rewarded_by == reward
    assert f"Policy run {run.pk} is under way" in refused("ppo")


def test_what_is_no_such_model_or_can_not_be_used_is_refused_in_words() -> None:
    sft, reward = named("sft", state="current"), current_reward_model()
    assert "“sft” is no reward model" in refused("ppo", rewarded_by=sft)
    assert "is a reward model. Choose a language model" in refused("ppo", start=reward)
    assert "can't watch while it is optimised" in refused("ppo", watched_by=reward)
    assert "DPO learns from rankings" in refused("dpo", rewarded_by=reward)
    assert "Only PPO is watched" in refused("sft", watched_by=reward)
    old = named("old", kind="reward", reward_model=reward.reward_model, state="retired")
    assert "“old” is retired" in refused("ppo", rewarded_by=old)
    now = timezone.now()
    ModelCheck.objects.create(model_version=reward, state=CheckState.FAILED, failure="No weights.", finished_at=now)
    assert "can't be used: No weights." in refused("ppo")


def test_a_snapshot_without_anything_to_learn_from_is_refused_by_its_counts() -> None:
    named("sft", state="current")
    counts = {"valid": {"demonstrations": 3, "prompts": 3}}
    empty = Snapshot.objects.create(
        path="/s", as_of=timezone.now(), filters={}, counts=counts, sha256="0" * 64, bytes=1
    )
    assert "has no demonstrations in its split train" in refused("sft", snapshot=empty)
    assert "has no comparisons in its split train" in refused("dpo", snapshot=empty)


def test_sft_begins_from_the_base_of_its_recipe(settings: Settings) -> None:
    settings.SFT_BASE_MODEL_PATH = "/base"
    run = asked("sft")
    assert (run.start, run.recipe.base) == (None, "/base")


def test_a_recipe_begins_as_the_preset_and_every_run_keeps_its_own(settings: Settings) -> None:
    first = current_recipe(PolicyStage.PPO)
    assert (first.version, first.options["episodes"], first.options["checkpoint_every"]) == (1, 256, 10)
    settings.POLICY_PRESET = "6b"  # of an installation that trains already only an admin changes it
    assert current_recipe(PolicyStage.PPO) == first
    named("sft", state="current")
    current_reward_model()
    run = asked("ppo")
    changed = change_recipe(stage=PolicyStage.PPO, options={"beta": 0.1}, note="Less far.")
    assert (changed.version, changed.options["beta"], changed.options["episodes"]) == (2, 0.1, 256)
    run.refresh_from_db()
    assert run.recipe == first


def test_a_recipe_is_refused_as_the_trainer_would_refuse_it(settings: Settings) -> None:
    for options, words in (
        ({"minibatch": 5}, "--minibatch 5 is no multiple of --completions 4"),
        ({"learning_rate": 0.0}, "--learning-rate is 0.0"),
        ({"gamma": 1.0, "advantage_scale": "batch"}, "would lose all weight as the policy converges"),
        ({"checkpoint_every": 0}, "could not be gone on with"),
    ):
        with pytest.raises(PolicyRefused, match=words):
            change_recipe(stage=PolicyStage.PPO, options=options)  # type: ignore[arg-type]
    settings.POLICY_PRESET = "huge"
    with pytest.raises(PolicyRefused, match="There is no preset huge"):
        current_recipe(PolicyStage.DPO)
    assert not PolicyRecipe.objects.filter(version=2).exists()


def test_enough_new_demonstrations_start_sft_where_the_recipe_says_so() -> None:
    named("sft", state="current")
    campaign = make_campaign(demonstrations_per_prompt=1)
    alice = make_labeler("alice")
    for text in ("One.", "Two."):
        make_prompt(campaign)
        write(alice, text)
    assert request_policies_if_due() == []
    change_recipe(stage=PolicyStage.SFT, options={}, starts_itself=True, after_labels=3)
    assert request_policies_if_due() == []
    change_recipe(stage=PolicyStage.SFT, options={}, after_labels=2)
    (run,) = request_policies_if_due()
    assert (run.stage, run.trigger) == ("sft", "labels")
    assert run.trigger_note == "There are 2 new demonstrations (the threshold is 2)."
    assert request_policies_if_due() == []
    fail_run(run=run, reason="disk full")
    assert request_policies_if_due() == []  # beat waits an hour after a failure
    assert len(request_policies_if_due(now=timezone.now() + timedelta(hours=2))) == 1


def test_another_current_version_of_its_reward_model_starts_ppo() -> None:
    named("sft", state="current")
    safe = create_reward_model(slug="safe", name="Safe")
    change_recipe(stage=PolicyStage.PPO, options={}, starts_itself=True, watched_reward_model=safe)
    assert request_policies_if_due() == []
    reward = current_reward_model()
    assert request_policies_if_due() == []  # nobody watches yet: refused until there is a version
    watching = named("safe-1", kind="reward", reward_model=safe, state="current")
    (run,) = request_policies_if_due()
    assert (run.trigger, run.rewarded_by, run.watched_by) == ("reward", reward, watching)
    PolicyRun.objects.filter(pk=run.pk).update(state="exporting")
    PolicyRun.objects.filter(pk=run.pk).update(state="training")
    PolicyRun.objects.filter(pk=run.pk).update(state="evaluating")
    PolicyRun.objects.filter(pk=run.pk).update(state="done", finished_at=timezone.now())
    assert request_policies_if_due() == []
    assert current_reward_model().reward_model == default_reward_model()
    ModelVersion.objects.filter(pk=watching.pk).update(state="current")
    assert len(request_policies_if_due()) == 1


def test_a_message_delivered_twice_is_one_training() -> None:
    named("sft", state="current")
    run = asked("sft")
    assert claim_run(run=run, worker="first") is not None
    assert claim_run(run=run, worker="second") is None
