"""Policies through the admin: asked for, followed, their recipes changed, and what a version comes from."""

from pathlib import Path

import pytest
from django.forms import Form
from django.urls import reverse
from django.utils import timezone

from labeling.base.states import PolicyStage
from labeling.models import ModelVersion, PolicyRecipe, PolicyRun, Snapshot
from labeling.policies.services.recipes import current_recipe
from labeling.training.services.runs import begin_evaluating, finish_run
from labeling.training.services.trainer_process import TrainerFailed
from tests.labeling.admin_cast import admin_browser, policy_in_training, snapshot_in, texts_of
from tests.labeling.cast import make_labeler
from tests.labeling.handed_in import a_task, rank
from tests.labeling.policies.scripted_trainer import ScriptedTrainer, asked, done, named
from tests.labeling.scripted_rewarder import current_reward_model

pytestmark = pytest.mark.django_db

TRAIN = reverse("admin:labeling_policyrun_train_a_policy")


def page(row: PolicyRun | ModelVersion | PolicyRecipe) -> str:
    return reverse(f"admin:labeling_{row._meta.model_name}_change", args=[row.pk])


def sent(form: Form) -> dict[str, object]:
    """What a browser sends of a form that nobody touched."""
    return {name: value for name, value in form.initial.items() if value not in (None, "") and value is not False}


@pytest.fixture
def run(tmp_path: Path) -> PolicyRun:
    a_task()
    rank(make_labeler(), [1, 2, 3, 4])
    current_reward_model()
    return policy_in_training(snapshot_in(tmp_path / "snapshot"))


def test_a_policy_is_asked_for_and_refusals_come_back_with_what_was_entered() -> None:
    client = admin_browser()
    sft = named("sft-base")
    asking = {"stage": "ppo", "start": str(sft.pk), "note": "The rewards look good."}
    refused = client.post(TRAIN, asking)
    assert refused.status_code == 422
    assert "No version of the default reward model is current" in refused.text
    assert "The rewards look good." in refused.text
    reward = current_reward_model()
    assert "sft-base (Candidate)" in client.get(TRAIN).text
    response = client.post(TRAIN, asking | {"include_simulated": "on"}, follow=True)
    run = PolicyRun.objects.get()
    assert f"PPO run {run.pk}" in texts_of(response)[0]
    assert (run.start, run.rewarded_by, run.trigger_note) == (sft, reward, "The rewards look good.")
    assert (run.trigger, run.include_simulated) == ("manual", True)
    assert "is under way" in client.post(TRAIN, asking).text


def test_a_run_is_followed_by_curves_and_by_the_same_prompts_side_by_side(run: PolicyRun) -> None:
    client = admin_browser()
    text = client.get(page(run)).text
    progress = reverse("admin:labeling_policyrun_progress", args=[run.pk])
    assert f'data-live="{progress}?look="' in text
    for words in (f"PPO run {run.pk}", "Step 2 of 10", "KL to the start", "Entropy", "reward that only watches"):
        assert words in text
    assert text.index("It is the sky.") < text.index("Because of the air.")
    assert "What it began from" in text
    news = client.get(progress).json()
    assert news["active"] is True
    assert "Because of the air." in news["html"]
    assert "Because of the air." not in client.get(page(run), {"look": "0"}).text
    chinese = client.get(page(run), headers={"accept-language": "zh-hans"}).text
    for words in ("KL to the start", "What it began from", "Rewarded by", "Learns from"):
        assert words not in chinese


def test_an_admin_ends_a_run_with_a_reason(run: PolicyRun) -> None:
    client = admin_browser()
    address = reverse("admin:labeling_policyrun_end", args=[run.pk])
    response = client.post(address, {"reason": "It shouts."}, follow=True)
    assert f"PPO run {run.pk} is ended" in texts_of(response)[0]
    run.refresh_from_db()
    assert run.failure == "Ended by an admin: It shouts."


def test_a_version_shows_what_it_comes_from_and_what_it_said(run: PolicyRun) -> None:
    assert run.start is not None
    assert run.rewarded_by is not None
    version = named("ppo-1", parent=run.start, rewarded_by=run.rewarded_by, snapshot=run.snapshot)
    begin_evaluating(run=run)
    finish_run(run=run, model_version=version, decision="Kept as candidate: a policy is promoted by hand, or by an "
               "evaluation with people.")  # fmt: skip
    client = admin_browser()
    text = client.get(page(version)).text
    for origin in (run.start, run.rewarded_by, run):
        assert f'href="{page(origin)}"' in text
    assert "Because of the air." in text
    assert "由管理员" not in text
    assert f'href="{page(version)}"' in client.get(page(run)).text
    assert "policy-run" not in client.get(page(run.start)).text


def test_an_admin_changes_a_recipe_and_each_run_keeps_its_own(run: PolicyRun) -> None:
    client, address = admin_browser(), reverse("admin:labeling_policyrecipe_change_ppo")
    recipe = current_recipe(PolicyStage.PPO)
    form = client.get(address).context["form"]
    entered = sent(form)
    assert entered["episodes"] == 256
    refused = client.post(address, entered | {"minibatch": "5", "note": "Smaller."})
    assert refused.status_code == 422
    assert "--minibatch 5 is no multiple of --completions 4" in refused.text
    assert "Smaller." in refused.text
    said = client.post(address, entered | {"beta": "0.1", "starts_itself": "on", "note": "Less far."}, follow=True)
    assert texts_of(said) == ["Recipe 2 of PPO holds from the next run on."]
    changed = current_recipe(PolicyStage.PPO)
    assert (changed.version, changed.options["beta"], changed.starts_itself) == (2, 0.1, True)
    assert {**changed.options, "beta": recipe.options["beta"]} == recipe.options
    assert "Less far." in said.text
    assert "β" in client.get(page(changed)).text
    run.refresh_from_db()
    assert run.recipe == recipe
    for stage in ("sft", "dpo"):
        other = reverse(f"admin:labeling_policyrecipe_change_{stage}")
        client.post(other, sent(client.get(other).context["form"]) | {"after_labels": "7"})
        assert current_recipe(PolicyStage(stage)).after_labels == 7


def test_a_run_is_asked_for_with_an_ensemble_and_a_watcher_of_the_same_labels_is_told_of() -> None:
    client, reward = admin_browser(), current_reward_model(snapshot=snapshot_of())
    named("sft", state="current")
    assert reward.reward_model is not None
    fields = {"kind": "reward", "reward_model": reward.reward_model, "snapshot": reward.snapshot}
    further, half = named("further", **fields), named("half", **fields, half="second")
    assert "half (Candidate, Second half)" in client.get(TRAIN).text
    asking = {"stage": "ppo", "ensemble": [str(further.pk)], "watched_by": str(half.pk)}
    twice = client.post(TRAIN, asking | {"ensemble": [str(further.pk), str(half.pk)]})
    assert "“half” can&#x27;t watch while it is optimised" in twice.text
    refused = client.post(TRAIN, asking | {"stage": "sft"}, headers={"accept-language": "zh-hans"})
    assert refused.status_code == 422
    assert "Only PPO" not in refused.text
    said = texts_of(client.post(TRAIN, asking, follow=True))
    warning = f"“half” learned from the same labels as “{reward}”, “further” and likes the same mistakes"
    assert any(warning in words for words in said)
    run = PolicyRun.objects.get()
    assert (list(run.ensemble.all()), run.watched_by) == ([further], half)
    text = client.get(page(run)).text
    assert warning in text
    assert "further" in text
    chinese = client.get(page(run), headers={"accept-language": "zh-hans"}).text
    assert "“half”" in chinese
    assert "learned from the same labels" not in chinese
    PolicyRun.objects.filter(pk=run.pk).update(state="failed", failure="ended")
    client.post(TRAIN, {"stage": "ppo"}, follow=True)
    assert "learned from the same labels" not in client.get(page(PolicyRun.objects.latest("pk"))).text


def test_a_recipe_keeps_the_ensemble_that_was_chosen_though_one_is_retired() -> None:
    client, address = admin_browser(), reverse("admin:labeling_policyrecipe_change_ppo")
    reward = current_reward_model()
    further = named("further", kind="reward", reward_model=reward.reward_model)
    entered = sent(client.get(address).context["form"])
    client.post(address, entered | {"ensemble": [str(further.pk)], "ensemble_rule": "worst", "ensemble_penalty": "0.7"})
    recipe = current_recipe(PolicyStage.PPO)
    assert (list(recipe.ensemble.all()), recipe.options["ensemble_rule"]) == ([further], "worst")
    assert "further" in client.get(page(recipe)).text
    ModelVersion.objects.filter(pk=further.pk).update(state="retired")
    form = client.get(address)
    assert "further (Retired)" in form.text
    client.post(address, sent(form.context["form"]) | {"beta": "0.1"})
    later = current_recipe(PolicyStage.PPO)
    assert (later.version, list(later.ensemble.all()), later.options["ensemble_penalty"]) == (3, [further], 0.7)
    version = named("ppo-1", rewarded_by=reward)
    version.ensemble.set([further])
    assert f'href="{page(further)}"' in client.get(page(version)).text


def snapshot_of() -> Snapshot:
    return Snapshot.objects.create(
        path="/s", as_of=timezone.now(), filters={"kinds": []}, counts={}, sha256="0" * 64, bytes=1
    )


def test_those_who_only_look_start_nothing(run: PolicyRun) -> None:
    client = admin_browser("labeling.view_policyrun")
    assert client.get(page(run)).status_code == 200
    assert client.post(TRAIN, {"stage": "sft"}).status_code == 403
    assert client.post(reverse("admin:labeling_policyrun_end", args=[run.pk]), {"reason": "x"}).status_code == 403


def test_what_the_trainer_refuses_stands_on_the_page(trainer: ScriptedTrainer) -> None:
    named("sft", state="current")
    a_task()
    rank(make_labeler(), [1, 2, 3, 4])
    trainer.says([], fails=TrainerFailed("The model directory /sft does not exist."))
    run = done(asked("dpo"))
    text = admin_browser().get(page(run)).text
    assert "The model directory /sft does not exist." in text
    assert "Failed" in text
