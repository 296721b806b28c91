"""What a policy is trained from, by which recipe, and when by itself."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone, translation
from pytest_django import Settings

from labeling.base.admin.refusals_in_words import refusal_in_words
from labeling.base.refusals import PolicyRefused
from labeling.base.states import CheckState, PolicyStage
from labeling.model_versions.services.reward_models import (
    change_reward_model,
    create_reward_model,
    default_reward_model,
)
from labeling.models import ModelCheck, ModelVersion, PolicyRecipe, PolicyRun, Snapshot
from labeling.policies.queries import same_labels
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


def rewarding(name: str, **fields: Any) -> ModelVersion:
    return named(name, kind="reward", **{"reward_model": default_reward_model()} | fields)


def test_several_reward_models_are_optimised_together_by_the_recipe_or_the_run() -> None:
    named("sft", state="current")
    reward, further, watching = current_reward_model(), rewarding("further"), rewarding("watching")
    assert "Only PPO optimises several" in refused("dpo", ensemble=[further])
    assert "“sft” is no reward model" in refused("ppo", ensemble=[ModelVersion.objects.get(name="sft")])
    assert "“further” can't watch while it is optimised" in refused("ppo", ensemble=[further], watched_by=further)
    with pytest.raises(PolicyRefused, match="“sft” is no reward model"):
        change_recipe(stage=PolicyStage.PPO, options={}, ensemble=[ModelVersion.objects.get(name="sft")])
    options: Any = {"ensemble_rule": "worst", "ensemble_penalty": 1.0}
    recipe = change_recipe(stage=PolicyStage.PPO, options=options, ensemble=[reward, further])
    assert (recipe.options["ensemble_rule"], recipe.options["ensemble_penalty"]) == ("worst", 1.0)
    later = change_recipe(stage=PolicyStage.PPO, options={"beta": 0.1})
    assert list(later.ensemble.order_by("pk")) == [reward, further]
    run = asked("ppo")
    assert (run.rewarded_by, list(run.ensemble.all())) == (reward, [further])  # none is counted twice
    fail_run(run=run, reason="ended")
    other = asked("ppo", rewarded_by=further, ensemble=[watching])
    assert (other.rewarded_by, list(other.ensemble.all())) == (further, [watching])
    fail_run(run=other, reason="ended")
    ModelVersion.objects.filter(pk=further.pk).update(state="retired")
    assert "“further” is retired" in refused("ppo")
    assert list(asked("ppo", ensemble=[]).ensemble.all()) == []
    with pytest.raises(PolicyRefused, match="--ensemble-penalty is -1"):
        change_recipe(stage=PolicyStage.PPO, options={"ensemble_penalty": -1.0})


def test_the_same_weights_under_another_name_can_not_watch() -> None:
    named("sft", state="current")
    reward = current_reward_model()
    twin = ModelVersion.objects.create(name="twin", kind="reward", reward_model=reward.reward_model, path=reward.path)
    with pytest.raises(PolicyRefused, match="“twin” can't watch while it is optimised") as refusal:
        asked("ppo", watched_by=twin)
    with translation.override("zh-hans"):
        assert refusal_in_words(refusal.value).startswith("“twin”")
        assert refusal_in_words(refusal.value) != str(refusal.value)


def test_the_watcher_of_a_reward_model_watches_where_the_recipe_names_nobody_else() -> None:
    named("sft", state="current")
    reward = current_reward_model()
    watcher = create_reward_model(slug="watcher", name="Watcher", watches=reward.reward_model)
    assert "No version of “Watcher” is current" in refused("ppo")
    watching = rewarding("watching", reward_model=watcher, state="current")
    run = asked("ppo")
    assert run.watched_by == watching
    fail_run(run=run, reason="ended")
    safe = create_reward_model(slug="safe", name="Safe")
    other = rewarding("safe-1", reward_model=safe, state="current")
    change_recipe(stage=PolicyStage.PPO, options={}, watched_reward_model=safe)
    run = asked("ppo")
    assert run.watched_by == other
    fail_run(run=run, reason="ended")
    change_recipe(stage=PolicyStage.PPO, options={}, watched_reward_model=None)
    change_reward_model(reward_model=watcher, retrains_itself=False)
    assert asked("ppo").watched_by is None


def test_reward_models_of_the_same_labels_are_known_and_those_of_two_halves_are_not() -> None:
    named("sft", state="current")
    reward, safe = current_reward_model(), create_reward_model(slug="safe", name="Safe")
    assert reward.reward_model is not None
    watcher = create_reward_model(slug="watcher", name="Watcher", watches=reward.reward_model)
    monday, tuesday = snapshot(1), snapshot(2)

    def same(one: dict[str, Any], other: dict[str, Any], *, together: bool = False) -> bool:
        first, second = (
            rewarding(f"a{ModelVersion.objects.count()}", **one),
            rewarding(f"b{ModelVersion.objects.count()}", **other),
        )
        if together:
            run = asked("ppo", rewarded_by=reward, ensemble=[first], watched_by=second)
        else:
            run = asked("ppo", rewarded_by=first, ensemble=[], watched_by=second)
        fail_run(run=run, reason="ended")
        assert same_labels(run) in ([], [first])
        return same_labels(run) == [first]

    first, second = {"half": "first"}, {"half": "second", "reward_model": watcher}
    assert same({"snapshot": monday}, {"snapshot": monday})
    assert same({"snapshot": monday}, {"snapshot": tuesday})  # of one reward model: the later one has the earlier's
    assert same({"snapshot": monday}, {"snapshot": monday}, together=True)
    assert same({"snapshot": monday}, second | {"snapshot": tuesday})  # all of it has the second half, too
    assert same(first | {"snapshot": monday}, {"snapshot": tuesday, "half": "first", "reward_model": watcher})
    assert not same(first | {"snapshot": monday}, second | {"snapshot": monday})
    assert not same(first | {"snapshot": monday}, second | {"snapshot": tuesday})
    assert not same({"snapshot": monday}, {"snapshot": tuesday, "reward_model": safe})
    make_campaign().reward_models.set([reward.reward_model, safe])
    assert same({"snapshot": monday}, {"snapshot": tuesday, "reward_model": safe})
    assert not same({}, {})  # registered by hand: what they learned from is not known


def snapshot(number: int) -> Snapshot:
    return Snapshot.objects.create(
        path=f"/s{number}", as_of=timezone.now(), filters={}, counts={}, sha256=f"{number}" * 64, bytes=1
    )


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
