"""`manage.py measure_folds`: a trained version measured on labelers it was not trained on."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from pytest_django import Settings

from labeling.exports.services.snapshots import register_snapshot, write_snapshot
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import ModelVersion, Snapshot
from labeling.simulation.rules.preferences import rule_named
from labeling.simulation.services import SimulatedLabeler, rank_next, simulated_labelers
from labeling.training.services import trainer
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task
from tests.labeling.training.trainer_here import run_trainer_here
from tests.tiny_models import make_tiny_model

pytestmark = pytest.mark.django_db(transaction=True)


def snapshot_of(labelers: int, directory: Path) -> Snapshot:
    """24 prompts of as many submitters, ranked in turn by the shorter-is-better rule."""
    campaign, people = make_campaign(simulated=True), simulated_labelers(count=labelers)
    for number in range(24):
        make_ready_task(make_prompt(campaign, submitter=f"submitter-{number}"), texts=["a", "bb", "ccc", "dddd"])
        labeler = people[number % labelers]
        rank_next(who=SimulatedLabeler(labeler=labeler), score=rule_named("shorter"))
    manifest = write_snapshot(directory, kinds=("rankings",), include_simulated=True)
    return register_snapshot(manifest=manifest, path=directory, made_by="a test")


@pytest.fixture(autouse=True)
def small(tmp_path: Path, settings: Settings) -> None:
    settings.VAR_DIR = tmp_path / "var"
    settings.RM_MAX_LENGTH, settings.RM_BATCH_RANKINGS = 128, 8


def reward_7(tmp_path: Path, snapshot: Snapshot | None) -> ModelVersion:
    base = make_tiny_model(tmp_path / "base")
    return ModelVersion.objects.create(
        kind="reward",
        reward_model=default_reward_model(),
        name="reward-7",
        path=str(tmp_path / "reward-7"),
        metrics={"base": str(base)},
        snapshot=snapshot,
    )


@pytest.mark.training
def test_the_folds_of_a_version_end_on_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "run_trainer", run_trainer_here)
    version = reward_7(tmp_path, snapshot_of(4, tmp_path / "snapshot"))
    said = StringIO()
    call_command("measure_folds", "reward-7", folds=2, stdout=said)
    assert str(tmp_path / "reward-7.folds" / "folds.json") in said.getvalue()
    page = admin_browser().get(reverse("admin:labeling_modelversion_change", args=[version.pk])).text
    assert "Labelers it was not trained on" in page


@pytest.mark.processes
@pytest.mark.usefixtures("trainers")
def test_one_labeler_is_refused_in_the_trainers_words(tmp_path: Path) -> None:
    reward_7(tmp_path, snapshot_of(1, tmp_path / "snapshot"))
    with pytest.raises(CommandError, match="come from 1 labeler, so there is nobody to hold out"):
        call_command("measure_folds", "reward-7")


def test_a_model_that_was_not_trained_here_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    reward_7(tmp_path, None)
    with pytest.raises(CommandError, match="was not trained here"):
        call_command("measure_folds", "reward-7")
    with pytest.raises(CommandError, match="There is no reward model “reward-8”; there are: reward-7"):
        call_command("measure_folds", "reward-8")
