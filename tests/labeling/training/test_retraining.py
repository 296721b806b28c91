"""One retraining with a tiny model and the trainer in a process of its own: promoted, kept as candidate, failed."""

import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from pytest_django import Settings

from labeling.base.states import ModelKind, ModelState, RunState
from labeling.models import ModelVersion, TrainingRun
from labeling.simulation.rules import rule_named
from labeling.simulation.services import rank_next, simulated_labelers
from labeling.training.services.retraining import retrain
from labeling.training.services.runs import claim_run, request_retraining
from lm.snapshot.manifest import utc_text
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task
from tests.labeling.models_in_use import promoted
from tests.tiny_models import make_tiny_model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.slow]


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


IN_TEST, IN_VALID = (50, 51, 54), (48, 56, 57)
"""Numbers of submitters whose prompts are in these splits (labeling/split.py)."""


def rank(numbers: Iterable[int]) -> None:
    """A simulated labeler who likes short answers ranks a prompt of each numbered submitter."""
    campaign = make_campaign(simulated=True)
    (labeler,) = simulated_labelers(count=1)
    for number in numbers:
        make_ready_task(make_prompt(campaign, submitter=f"submitter-{number}"), texts=["a", "bb", "ccc", "dddd"])
        rank_next(labeler=labeler, score=rule_named("shorter"), noise=0, chance=random.Random(0))


def retrained(*, include_simulated: bool = True) -> TrainingRun:
    asked = request_retraining(trigger="manual", include_simulated=include_simulated)
    run = claim_run(run_id=asked.pk, worker="test")
    assert run is not None
    retrain(run)
    run.refresh_from_db()
    return run


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
    assert third.model_version.state_reason == third.decision
    assert "not shown to be better on the newest batch" in third.decision
    assert ModelVersion.objects.get(kind=ModelKind.REWARD, state=ModelState.CURRENT) == first.model_version


def test_without_a_test_ranking_nothing_is_promoted(sft: ModelVersion) -> None:
    rank(range(40, 50))
    run = retrained()
    assert run.state == RunState.DONE, run.failure
    assert "The frozen test set has 0 rankings" in run.decision
    assert run.promotion["promote"] is False


def test_a_launcher_may_start_several_processes(sft: ModelVersion, settings: Settings) -> None:
    rank(range(40, 60))
    launcher = "python -m torch.distributed.run --standalone --nproc-per-node 2 -m rm_trainer"
    settings.RM_TRAIN_LAUNCHER = launcher.split()
    run = retrained()
    assert run.state == RunState.DONE, run.failure
    assert run.model_version is not None
    assert run.model_version.metrics["processes"] == 2
    assert run.points.filter(step=1).count() == 1
    assert run.evaluation["new"]["pairs"] > 0


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


def test_a_base_that_is_not_there_is_said_in_the_trainers_words(settings: Settings, tmp_path: Path) -> None:
    rank(range(12))
    settings.RM_BASE_MODEL_PATH = str(tmp_path / "nowhere")
    run = retrained()
    assert run.state == RunState.FAILED
    assert "nowhere does not exist" in run.failure
    assert not Path(run.output_path).exists()
