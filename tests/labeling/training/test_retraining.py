"""One retraining with a tiny model: promoted, kept as candidate, failed, stopped, killed.

The trainer has a process of its own where that is the point: a fork, and where there are several those of a launcher.
"""

import re
import subprocess
from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.urls import reverse
from pytest_django import Settings

from labeling.base.states import ModelKind, ModelState, RunState
from labeling.exports.services.lineage import models_that_saw, snapshots_with
from labeling.models import ModelVersion, Prompt, Snapshot, TrainingRun
from labeling.simulation.rules.preferences import rule_named
from labeling.simulation.services import SimulatedLabeler, rank_next, simulated_labelers
from labeling.training.services import retraining, stopping, trainer
from labeling.training.services.comparisons import compare_models, request_comparison
from labeling.training.services.requesting import request_retraining
from labeling.training.services.retraining import retrain
from labeling.training.services.runs import claim_run, note_progress
from labeling.training.services.trainer import Trainer
from lm.progress import AliveEvent, Event
from lm.snapshot.manifest import utc_text
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task
from tests.labeling.models_in_use import promoted
from tests.labeling.training.trainer_here import run_trainer_here
from tests.tiny_models import make_tiny_model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.training, pytest.mark.slow]


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path) -> None:
    for name in ("VAR_DIR", "SNAPSHOTS_DIR", "CHECKPOINTS_DIR"):
        setattr(settings, name, tmp_path / name.lower())
    settings.RM_MAX_LENGTH, settings.RM_BATCH_RANKINGS = 128, 8
    settings.PROMOTE_MIN_TEST_RANKINGS, settings.PROMOTE_MIN_NEW_RANKINGS = 1, 1
    settings.RM_BASE_MODEL_PATH = ""


@pytest.fixture
def sft(tmp_path: Path) -> ModelVersion:
    return promoted(make_tiny_model(tmp_path / "tiny"))


@pytest.fixture
def trainer_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "run_trainer", run_trainer_here)


IN_TEST, IN_VALID = (50, 51, 54), (48, 56, 57)
"""Numbers of submitters whose prompts are in these splits (labeling/split.py)."""


def rank(numbers: Iterable[int]) -> None:
    """A simulated labeler who likes short answers ranks a prompt of each numbered submitter."""
    campaign = make_campaign(simulated=True)
    (labeler,) = simulated_labelers(count=1)
    for number in numbers:
        make_ready_task(make_prompt(campaign, submitter=f"submitter-{number}"), texts=["a", "bb", "ccc", "dddd"])
        rank_next(who=SimulatedLabeler(labeler=labeler), score=rule_named("shorter"))


def retrained(*, include_simulated: bool = True, promote_simulated: bool = True) -> TrainingRun:
    asked = request_retraining(
        trigger="manual", include_simulated=include_simulated, promote_simulated=promote_simulated
    )
    run = claim_run(run=asked, worker="test")
    assert run is not None
    retrain(run)
    run.refresh_from_db()
    return run


@pytest.mark.usefixtures("trainer_here", "sft")
def test_a_reward_model_and_its_watcher_learn_from_the_two_halves_of_one_snapshot() -> None:
    rank(range(1, 21))
    call_command(
        "retrain_reward_model", halves=True, now=True, include_simulated=True, promote_simulated=True, stdout=StringIO()
    )
    first, second = TrainingRun.objects.order_by("pk")
    assert first.snapshot is not None
    rankings = first.snapshot.counts["train"]["rankings"]
    for run, half in ((first, "first"), (second, "second")):
        assert run.state == RunState.DONE, run.failure
        version = run.model_version
        assert version is not None
        assert (version.half, version.snapshot, version.reward_model) == (half, first.snapshot, run.reward_model)
        assert version.metrics["config"]["half"] == half
        assert version.metrics["train"]["rankings"] + version.metrics["counts"]["train"]["other_half"] == rankings
    assert first.model_version is not None
    assert second.model_version is not None
    assert (
        first.model_version.metrics["train"]["rankings"] + second.model_version.metrics["train"]["rankings"] == rankings
    )
    assert second.reward_model.watches == first.reward_model
    # a withdrawal names both: the demonstrations that set their level are those of both halves
    prompt = Prompt.objects.earliest("pk")
    assert models_that_saw(snapshots_with([prompt])) == [first.model_version, second.model_version]
    page = admin_browser().get(reverse("admin:labeling_modelversion_change", args=[second.model_version.pk])).text
    assert "Second half" in page
    assert "It learned from one half of the prompts alone." in page
    again = StringIO()
    call_command("retrain_reward_model", halves=True, include_simulated=True, stdout=again)
    assert TrainingRun.objects.filter(state=RunState.QUEUED).count() == 2  # the watcher that there is


@pytest.mark.usefixtures("trainer_here")
def test_a_model_that_is_not_better_stays_a_candidate_with_the_reason(sft: ModelVersion, settings: Settings) -> None:
    """The third learns from what the second did: equally good, and equal is not better."""
    rank(range(40, 64))
    settings.PROMOTE_MIN_ACCURACY_GAIN, settings.PROMOTE_TOLERANCE = -1.0, 1.0
    first = retrained()
    assert first.state == RunState.DONE, first.failure
    assert first.model_version is not None
    assert first.model_version.state == ModelState.CURRENT
    assert first.promotion["against"] == ""
    assert first.promotion["test"]["comparison"]["current"] == 0.5  # chance
    assert first.promotion["newest"]["comparison"]["rankings"] == len(IN_TEST + IN_VALID)

    settings.PROMOTE_MIN_ACCURACY_GAIN, settings.PROMOTE_TOLERANCE = 0.0, 0.0
    second = retrained()
    assert second.state == RunState.DONE, second.failure
    assert "too little to decide by" in second.decision
    assert second.promotion["newest"]["comparison"] is None  # nobody ranked anything since the first

    rank([*IN_TEST, *IN_VALID])
    third = retrained()
    assert third.compared_with == first.model_version
    assert third.evaluation["new"] == third.evaluation["current"]
    assert third.promotion["since"] == utc_text(first.snapshot.as_of) if first.snapshot else None
    assert third.promotion["test"]["comparison"]["rankings"] == 2 * len(IN_TEST)
    assert third.promotion["newest"]["comparison"]["rankings"] == len(IN_TEST + IN_VALID)
    assert third.promotion["newest"]["comparison"]["difference"] == 0
    assert third.model_version is not None
    assert third.model_version.state == ModelState.CANDIDATE
    assert third.model_version.metrics["test"] == third.evaluation["new"]  # one evaluation, one number
    assert third.model_version.state_reason == third.decision

    assert third.snapshot is not None
    asked = request_comparison(
        first=first.model_version, second=third.model_version, snapshot=third.snapshot, split="test"
    )
    compare_models(comparison_id=asked.pk)
    asked.refresh_from_db()
    assert asked.result is not None, asked.failure
    assert asked.result["comparison"]["difference"] == 0
    assert asked.result["first"]["rankings"] == 2 * len(IN_TEST)
    assert "not shown to be better on the newest batch" in third.decision
    assert ModelVersion.objects.get(kind=ModelKind.REWARD, state=ModelState.CURRENT) == first.model_version


@pytest.mark.usefixtures("trainer_here")
def test_without_a_test_ranking_nothing_is_promoted(sft: ModelVersion) -> None:
    rank(range(40, 50))
    run = retrained()
    assert run.state == RunState.DONE, run.failure
    assert "The frozen test set has 0 rankings" in run.decision
    assert run.promotion["promote"] is False


def test_a_launcher_may_start_several_processes(sft: ModelVersion, settings: Settings) -> None:
    """What they evaluate together is in tests/rm_trainer/test_two_processes.py."""
    rank(range(40, 50))
    launcher = "python -m torch.distributed.run --standalone --nproc-per-node 2 -m rm_trainer"
    settings.RM_TRAIN_LAUNCHER = launcher.split()
    run = retrained()
    assert run.state == RunState.DONE, run.failure
    assert run.model_version is not None
    assert run.model_version.metrics["processes"] == 2
    assert run.points.filter(step=1).count() == 1


def stop_after(step: int, monkeypatch: pytest.MonkeyPatch, do: Callable[[TrainingRun], object]) -> None:
    """When the trainer has made that step, `do` happens, once."""
    happened: list[int] = []

    def note(*, run: TrainingRun, event: Event | AliveEvent) -> None:
        note_progress(run=run, event=event)
        if event["event"] == "step" and event["step"] == step and not happened:
            happened.append(step)
            do(run)

    monkeypatch.setattr(retraining, "note_progress", note)


def taken_up(run: TrainingRun) -> TrainingRun:
    """Another worker takes the run up and does it to its end."""
    run.refresh_from_db()
    assert (run.state, run.dispatched_at) == (RunState.QUEUED, None), run.failure
    again = claim_run(run=run, worker="the next")
    assert again is not None
    retrain(again)
    again.refresh_from_db()
    return again


def test_a_training_that_is_stopped_and_one_that_is_killed_go_on_from_the_checkpoint(
    sft: ModelVersion, settings: Settings, monkeypatch: pytest.MonkeyPatch, trainers: list[subprocess.Popen[bytes]]
) -> None:
    """First its worker is stopped in order, then its process is killed as by a lack of memory."""
    settings.RM_BATCH_RANKINGS, settings.RM_CHECKPOINT_EVERY = 2, 1
    rank(range(40, 64))
    monkeypatch.setattr(stopping, "_pipe", None)
    stopping.prepare()
    stop_after(2, monkeypatch, lambda _run: stopping.ask())
    run = retrained()
    assert run.interruption == "Its worker was stopped."
    monkeypatch.setattr(stopping, "_pipe", None)
    stop_after(5, monkeypatch, lambda _run: trainers[-1].kill())
    run = taken_up(run)
    assert "ended by SIGKILL" in run.interruption
    run = taken_up(run)
    assert run.state == RunState.DONE, run.failure
    log = Path(run.log_path).read_text()
    stopped, killed = map(int, re.findall(r"Going on after step (\d+)", log))  # a step more may be done meanwhile
    assert stopped in (2, 3)
    assert killed in (4, 5, 6)
    assert [point.step for point in run.points.order_by("step")] == list(range(1, (run.steps_total or 0) + 1))
    assert run.model_version is not None
    assert Snapshot.objects.count() == 1
    left = {path.name for path in Path(settings.CHECKPOINTS_DIR).iterdir() if path.name.startswith(".")}
    assert left == set()


@pytest.mark.usefixtures("trainers")
def test_a_checkpoint_that_an_upgraded_trainer_cannot_use_costs_the_steps_and_not_the_run(
    sft: ModelVersion, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RM_BATCH_RANKINGS, settings.RM_CHECKPOINT_EVERY = 8, 1
    rank(range(40, 64))
    monkeypatch.setattr(stopping, "_pipe", None)
    stopping.prepare()
    stop_after(1, monkeypatch, lambda _run: stopping.ask())
    run = retrained()
    monkeypatch.setattr(stopping, "_pipe", None)
    TrainingRun.objects.filter(pk=run.pk).update(config=run.config | {"warmup_steps": 1})  # an option of the new one
    assert taken_up(run).state == RunState.DONE


@pytest.mark.usefixtures("trainer_here")
def test_a_run_whose_worker_died_while_it_evaluated_trains_nothing_anew(
    sft: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    rank(range(40, 64))

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(Trainer, "evaluate", dies)
        with pytest.raises(KeyboardInterrupt):
            retrained()
    run = TrainingRun.objects.get()
    monkeypatch.setattr(Trainer, "train", dies)
    assert taken_up(run).state == RunState.DONE


def test_simulated_rankings_train_nothing_unless_asked_for(sft: ModelVersion) -> None:
    rank(range(2))
    run = retrained(include_simulated=False)
    assert run.state == RunState.FAILED
    assert not ModelVersion.objects.filter(kind=ModelKind.REWARD).exists()


def test_without_a_base_model_the_run_says_what_to_do() -> None:
    rank(range(12))
    run = retrained()
    assert run.state == RunState.FAILED
    assert "register and promote an SFT model" in run.failure


@pytest.mark.usefixtures("trainers")
def test_a_base_that_is_not_there_is_said_in_the_trainers_words(settings: Settings, tmp_path: Path) -> None:
    rank(range(12))
    settings.RM_BASE_MODEL_PATH = str(tmp_path / "nowhere")
    run = retrained()
    assert run.state == RunState.FAILED
    assert "nowhere does not exist" in run.failure
    assert not Path(run.output_path).exists()
