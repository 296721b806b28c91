"""A policy run from its export to a version on record, with a trainer that only says what it is told."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from labeling.base.states import CheckState, LabelerGroup, ModelState, PolicyStage, RunState
from labeling.exports.services.lineage import models_that_saw, snapshots_with
from labeling.exports.services.snapshots import make_snapshot
from labeling.model_versions.services.promotion import retire
from labeling.models import Campaign, ModelVersion, PolicyRun
from labeling.policies.services.recipes import change_recipe
from labeling.policies.services.requesting import QUEUED_POLICY_RUNS
from labeling.policies.services.training import note, train_policy
from labeling.training.services.leavings import KEEP_FAILED, clear_leavings
from labeling.training.services.runs import SILENT_AFTER, claim_run, fail_run, put_back_silent_runs
from labeling.training.services.trainer_process import TrainerFailed, TrainerInterrupted
from lm.snapshot.reading import open_snapshot
from lm.snapshot.records.constants import TRAIN
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank, write
from tests.labeling.policies.scripted_trainer import PPO_EVENTS, ScriptedTrainer, asked, done, named, samples, step
from tests.labeling.scripted_rewarder import current_reward_model

pytestmark = pytest.mark.django_db

IN_TEST = "submitter-50"
"""A submitter whose prompts are in the split test (labeling/campaigns/rules/splits.py)."""


@pytest.fixture
def labels() -> Campaign:
    """A demonstration and a ranking, on prompts of the split train."""
    campaign = make_campaign(demonstrations_per_prompt=1)
    make_prompt(campaign)
    write(make_labeler("alice"), "Because of the air.")
    make_ready_task(make_prompt(campaign))
    rank(make_labeler("bob"), [1, 2, 3, 4])
    return campaign


def test_sft_becomes_a_candidate_that_names_its_demonstrations(labels: Campaign, trainer: ScriptedTrainer) -> None:
    base = named("base", state="current")
    trainer.says([{"event": "start", "steps": 1}, step(1), samples(1, "So it is.", reward=0.5)], method="sft")
    run = done(asked("sft"))
    assert run.state == RunState.DONE, run.failure
    version = run.model_version
    assert version is not None
    assert (version.kind, version.name, version.parent, version.state) == ("sft", f"sft-{run.pk}", base, "candidate")
    assert version.snapshot == run.snapshot
    assert run.snapshot is not None
    assert run.snapshot.filters["kinds"] == ["demonstrations"]
    assert version.last_check is not None
    assert version.last_check.state == CheckState.WAITING  # a worker samples from it before it may be promoted
    assert not version.simulated
    assert "promoted by hand, or by an evaluation" in version.state_reason
    words = trainer.heard
    assert words[0] == "sft"
    assert words[words.index("--base") + 1] == "/base"
    assert words[words.index("--epochs") + 1] == "3"  # the recipe's
    assert words[words.index("--checkpoint-every") + 1] == "100"
    assert "--reward-model" not in words
    assert run.looks.get().figures == {"reward": 0.5}


def test_ppo_names_all_that_it_comes_from_and_keeps_its_curves_and_answers(
    labels: Campaign, trainer: ScriptedTrainer
) -> None:
    sft, reward = named("sft", state="current"), current_reward_model()
    watching = named("watching", kind="reward", reward_model=reward.reward_model)
    trainer.says(PPO_EVENTS, stopped="The KL to the SFT model is 31.0 nats, over its budget of 30.")
    run = done(asked("ppo", watched_by=watching))
    assert run.state == RunState.DONE, run.failure
    version = run.model_version
    assert version is not None
    assert (version.parent, version.rewarded_by, version.watched_by) == (sft, reward, watching)
    assert [point.figures["reward"] for point in run.points.order_by("step")] == [0.25, 0.75]
    assert [look.samples[0]["text"] for look in run.looks.order_by("step")] == [
        "The SFT model says so.", "The policy says more.",
    ]  # fmt: skip
    assert "over its budget of 30." in run.decision
    assert "is not known here" in run.decision  # these reward models have no snapshot on record
    words = trainer.heard
    assert run.snapshot is not None
    assert run.snapshot.filters["kinds"] == ["demonstrations", "prompts"]
    assert (words[0], words[words.index("--reward-model") + 1]) == ("ppo", reward.path)
    assert words[words.index("--watched-reward-model") + 1] == "/watching"
    assert "--no-recompute-activations" in words
    assert "--hours" not in words  # a value that is not there is none


def test_an_ensemble_is_given_to_the_trainer_and_each_of_it_is_on_record(
    labels: Campaign, trainer: ScriptedTrainer, tmp_path: Path
) -> None:
    named("sft", state="current")
    reward = current_reward_model()
    seen, _ = make_snapshot(tmp_path / "seen", made_by="a test")
    further = [
        named(f"further-{one}", kind="reward", reward_model=reward.reward_model, snapshot=seen, simulated=one == 2)
        for one in (1, 2)
    ]
    run = asked("ppo", ensemble=further)
    retire(version=further[0], reason="It likes lists.")
    trainer.says(PPO_EVENTS)
    run = done(run)
    assert run.state == RunState.DONE, run.failure
    together = Path(trainer.heard[trainer.heard.index("--ensemble") + 1])
    assert [str(link.readlink()) for link in sorted(together.iterdir())] == ["/further-1", "/further-2"]
    assert trainer.heard[trainer.heard.index("--ensemble-rule") + 1] == "mean"
    version = run.model_version
    assert version is not None
    assert list(version.ensemble.order_by("pk")) == further
    assert version.simulated  # one of them comes of simulated labelers
    assert "“further-1” was retired meanwhile" in run.decision
    assert version in models_that_saw([seen])  # whoever withdraws what one of them saw is told of the policy


def test_an_interrupted_run_goes_on_with_its_ensemble(labels: Campaign, trainer: ScriptedTrainer) -> None:
    named("sft", state="current")
    reward = current_reward_model()
    further = named("further", kind="reward", reward_model=reward.reward_model)
    trainer.says([], fails=TrainerInterrupted("The device failed."))
    run = done(asked("ppo", ensemble=[further]))
    assert run.state == RunState.QUEUED
    before = trainer.heard
    trainer.says(PPO_EVENTS)
    run = done(run)
    assert run.state == RunState.DONE, run.failure
    assert trainer.heard == before


def test_prompts_that_one_of_an_ensemble_is_measured_on_are_refused(trainer: ScriptedTrainer, tmp_path: Path) -> None:
    make_ready_task(make_prompt(make_campaign(rankings_per_task=2)))
    rank(make_labeler("alice"), [1, 2, 3, 4])
    rank(make_labeler("hedi", group=LabelerGroup.HELD_OUT), [1, 2, 3, 4])
    measured, _ = make_snapshot(tmp_path / "measured", made_by="a test", held_out=True)
    named("sft", state="current")
    reward = current_reward_model()
    further = named("further", kind="reward", reward_model=reward.reward_model, snapshot=measured)
    run = done(asked("ppo", ensemble=[further]))
    assert run.state == RunState.FAILED
    assert "begin like prompts that “further” is measured on" in run.failure


def test_ppo_answers_prompts_that_nobody_has_labelled(trainer: ScriptedTrainer) -> None:
    bare = make_prompt(make_campaign())
    make_prompt(make_campaign(), submitter=IN_TEST)
    named("sft", state="current")
    current_reward_model()
    trainer.says(PPO_EVENTS)
    run = done(asked("ppo"))
    assert run.state == RunState.DONE, run.failure
    assert run.snapshot is not None
    assert run.snapshot.counts["train"]["prompts"] == 1
    (prompt,) = open_snapshot(Path(run.snapshot.path)).prompts(TRAIN)
    assert list(prompt) == bare.messages
    assert [version.name for version in models_that_saw(snapshots_with([bare]))] == [f"ppo-{run.pk}"]


def test_a_reward_model_that_is_retired_meanwhile_is_gone_on_with_and_that_is_said(
    labels: Campaign, trainer: ScriptedTrainer
) -> None:
    named("sft", state="current")
    reward = current_reward_model()
    run = asked("ppo")
    retire(version=reward, reason="It likes lists.")
    trainer.says(PPO_EVENTS)
    run = done(run)
    assert run.state == RunState.DONE, run.failure
    assert f"“{reward}” was retired meanwhile" in run.decision


def test_prompts_that_the_reward_model_is_measured_on_are_refused_in_words(
    trainer: ScriptedTrainer, tmp_path: Path
) -> None:
    """It is measured on what held-out labelers say of prompts that are otherwise trained on."""
    make_ready_task(make_prompt(make_campaign(rankings_per_task=2)))
    rank(make_labeler("alice"), [1, 2, 3, 4])
    rank(make_labeler("hedi", group=LabelerGroup.HELD_OUT), [1, 2, 3, 4])
    measured, _ = make_snapshot(tmp_path / "measured", made_by="a test", held_out=True)
    named("sft", state="current")
    current_reward_model(snapshot=measured)
    run = done(asked("ppo"))
    assert run.state == RunState.FAILED
    assert "begin like prompts that “scripted-" in run.failure
    assert "choose another snapshot" in run.failure
    assert trainer.heard == []  # it was not even started


def test_what_the_trainer_refuses_is_what_the_run_says(labels: Campaign, trainer: ScriptedTrainer) -> None:
    named("sft", state="current")
    trainer.says([], fails=TrainerFailed("The model directory /sft does not exist."))
    run = done(asked("sft"))
    assert (run.state, run.failure) == (RunState.FAILED, "The model directory /sft does not exist.")


def test_without_anything_to_learn_from_it_says_what_to_do(trainer: ScriptedTrainer) -> None:
    named("sft", state="current")
    make_ready_task(make_prompt(make_campaign(), submitter=IN_TEST))
    rank(make_labeler("bob"), [1, 2, 3, 4])
    run = done(asked("dpo"))
    assert run.state == RunState.FAILED
    assert "no comparison to learn from yet" in run.failure


def test_a_run_that_was_interrupted_goes_on_as_it_was_begun(labels: Campaign, trainer: ScriptedTrainer) -> None:
    named("sft", state="current")
    claimed = claim_run(run=asked("sft"), worker="killed")
    assert claimed is not None
    trainer.says([step(1)], fails=TrainerInterrupted("The training process was ended by SIGKILL"))
    train_policy(claimed)
    claimed.refresh_from_db()
    assert (claimed.state, claimed.attempts) == (RunState.QUEUED, 0)  # it made a step
    assert "ended by SIGKILL" in claimed.interruption
    first = claimed.snapshot
    trainer.says([step(1), step(2)])
    change_recipe(stage=PolicyStage.SFT, options={"epochs": 9})
    again = done(claimed)
    assert again.state == RunState.DONE, again.failure
    assert again.snapshot == first
    assert trainer.heard[trainer.heard.index("--epochs") + 1] == "3"


def test_what_postgresql_can_not_hold_ends_no_run(labels: Campaign, trainer: ScriptedTrainer) -> None:
    named("sft", state="current")
    trainer.says([step(1, reward=0.5, explained_variance=float("nan")), samples(1, "a\0b", reward=float("inf"))])
    run = done(asked("sft"))
    assert run.state == RunState.DONE, run.failure
    assert run.points.get().figures == {"reward": 0.5}
    look = run.looks.get()
    assert (look.samples[0]["text"], look.figures) == ("a\N{REPLACEMENT CHARACTER}b", {})


def test_a_run_whose_worker_died_without_a_word_waits_for_the_next_one() -> None:
    named("sft", state="current")
    run = asked("sft")
    assert QUEUED_POLICY_RUNS.take() == [run.pk]
    claimed = claim_run(run=run, worker="dies")
    assert claimed is not None
    note(run=claimed, event={"event": "alive"})
    assert put_back_silent_runs(PolicyRun, now=timezone.now() + 2 * SILENT_AFTER) == [run.pk]
    assert QUEUED_POLICY_RUNS.take() == [run.pk]


def test_what_a_failed_run_left_goes_after_a_week(labels: Campaign, trainer: ScriptedTrainer, tmp_path: Path) -> None:
    named("sft", state="current")
    trainer.says([], fails=TrainerFailed("The loss is no number."))
    run = done(asked("sft"))
    (tmp_path / "checkpoints_dir").mkdir(exist_ok=True)
    left = tmp_path / "checkpoints_dir" / f".{Path(run.output_path).name}.best"
    left.mkdir()
    assert clear_leavings(PolicyRun, now=timezone.now() + KEEP_FAILED + timedelta(minutes=1)) == [run.pk]
    assert not left.exists()
    assert not fail_run(run=run, reason="again")


def test_every_model_that_saw_a_snapshot_is_named_the_policies_too(labels: Campaign, tmp_path: Path) -> None:
    snapshot, _ = make_snapshot(tmp_path / "seen", made_by="a test")
    reward = current_reward_model(snapshot=snapshot)
    rewarded = named("ppo-1", rewarded_by=reward)
    watched = named("ppo-2", watched_by=reward)
    child = named("ppo-3", parent=rewarded)
    named("ppo-4")
    assert models_that_saw([snapshot]) == [reward, rewarded, watched, child]
    assert ModelVersion.objects.filter(state=ModelState.CURRENT).count() == 1
