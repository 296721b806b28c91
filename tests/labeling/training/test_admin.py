"""Models, training runs and snapshots through the admin."""

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.base.states import ModelKind, RunState
from labeling.model_versions.services.promotion import promote
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import Labeler, ModelVersion, Snapshot, TrainingRun
from labeling.training.rules.promotion import Rule, decide
from labeling.training.services.requesting import request_retraining
from labeling.training.services.runs import begin_evaluating, fail_run, finish_run
from lm.snapshot.manifest import verify_snapshot
from tests.labeling.admin_cast import admin_browser, model_in, run_in_training, snapshot_in, texts_of
from tests.labeling.cast import make_labeler
from tests.labeling.handed_in import a_task, rank
from tests.tiny_models import make_tiny_model

pytestmark = pytest.mark.django_db

MODELS = reverse("admin:labeling_modelversion_changelist")
REGISTER = reverse("admin:labeling_modelversion_register")
RETRAIN = reverse("admin:labeling_trainingrun_retrain_now")


def address_of(row: ModelVersion | TrainingRun | Snapshot, name: str) -> str:
    return reverse(f"admin:labeling_{row._meta.model_name}_{name}", args=[row.pk])


def page(row: ModelVersion | TrainingRun | Snapshot) -> str:
    return address_of(row, "change")


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    a_task()
    rank(make_labeler(), [1, 2, 3, 4])
    return snapshot_in(tmp_path / "snapshot")


def test_a_model_is_registered_as_a_candidate(tmp_path: Path) -> None:
    path = make_tiny_model(tmp_path / "sft-1")
    response = admin_browser().post(REGISTER, {"kind": "sft", "name": "sft-1", "path": f" {path} "}, follow=True)
    assert "is registered as a candidate" in texts_of(response)[0]
    assert ModelVersion.objects.get().state == "candidate"


def test_a_path_without_a_checkpoint_is_refused_on_the_form_with_the_entry_kept(tmp_path: Path) -> None:
    response = admin_browser().post(REGISTER, {"kind": "sft", "name": "nothing", "path": str(tmp_path / "gone")})
    assert response.status_code == 422
    assert str(tmp_path / "gone") in " ".join(response.context["form"].non_field_errors())
    assert 'value="nothing"' in response.text
    assert not ModelVersion.objects.exists()


def test_a_candidate_is_promoted_with_a_reason_and_the_one_before_is_retired(tmp_path: Path) -> None:
    client = admin_browser()
    first, second = model_in(tmp_path / "reward-1"), model_in(tmp_path / "reward-2")
    promote(version=first, reason="first")
    assert "“reward-1” is retired" in client.get(address_of(second, "promote")).text
    assert client.post(address_of(second, "promote"), {"reason": ""}).status_code == 422
    response = client.post(address_of(second, "promote"), {"reason": "It reads better."}, follow=True)
    assert "It reads better." in response.text
    states = dict(ModelVersion.objects.values_list("name", "state"))
    assert states == {"reward-1": "retired", "reward-2": "current"}
    assert client.post(address_of(second, "promote"), {"reason": "again"}).status_code == 422


def test_rolling_back_makes_the_one_before_current_again(tmp_path: Path) -> None:
    client = admin_browser()
    address = reverse("admin:labeling_modelversion_roll_back_reward")
    refused = client.post(address)
    assert "no earlier reward model" in refused.text
    for name in ("reward-1", "reward-2"):
        promote(version=model_in(tmp_path / name), reason="better")
    response = client.post(address, follow=True)
    assert texts_of(response) == ["“reward-1” is current again."]


def test_a_version_is_retired_and_nothing_else_of_it_can_change(tmp_path: Path) -> None:
    client, version = admin_browser(), model_in(tmp_path / "sft-1", kind=ModelKind.SFT)
    client.post(address_of(version, "retire"), {"reason": "Too small."})
    version.refresh_from_db()
    assert (version.state, version.state_reason) == ("retired", "Too small.")
    assert client.post(page(version), {"name": "other", "path": "/elsewhere"}).status_code == 403


def test_a_model_whose_files_are_gone_is_not_promoted(tmp_path: Path) -> None:
    version = model_in(tmp_path / "reward-1")
    (tmp_path / "reward-1" / "config.json").unlink()
    response = admin_browser().post(address_of(version, "promote"), {"reason": "try"})
    assert response.status_code == 422
    assert "can&#x27;t be promoted" in response.text


def test_retraining_is_asked_for_and_there_is_never_a_second_run() -> None:
    client = admin_browser()
    assert "promoted only if the rule says" in client.get(RETRAIN).text
    assert not TrainingRun.objects.exists()
    client.post(RETRAIN, {"note": "New rankings look good.", "include_simulated": "on"})
    run = TrainingRun.objects.get()
    assert (run.trigger, run.trigger_note, run.include_simulated) == ("manual", "New rankings look good.", True)
    refused = client.post(RETRAIN, {"note": ""})
    assert f"run {run.pk} is under way" in refused.text


def test_with_redis_down_the_run_waits_and_the_admin_says_so(settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("labeling.base.outbox._send", lambda *_, **__: False)
    client = admin_browser()
    response = client.post(RETRAIN, {"note": ""}, follow=True)
    assert "Redis can't be reached" in texts_of(response)[0]
    assert TrainingRun.objects.get().state == RunState.QUEUED
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert "Redis can&#x27;t be reached" in client.get(reverse("admin:index")).text


def test_a_run_is_followed_while_it_goes_on(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("first line\nlast line\n")
    client, run = admin_browser(), run_in_training(snapshot, log=str(tmp_path / "log"))
    response = client.get(page(run))
    assert f'data-live="{address_of(run, "progress")}"' in response.text
    assert "Step 3 of 10" in response.text
    assert "last line" in response.text
    assert response.text.count("cc-line-train") == 2  # loss and accuracy
    news = client.get(address_of(run, "progress")).json()
    assert news["active"] is True
    assert "Step 3 of 10" in news["html"]
    fail_run(run=run, reason="disk full")
    assert client.get(address_of(run, "progress")).json()["active"] is False
    ended = client.get(page(run)).text
    assert "data-live" not in ended
    assert "disk full" in ended


def test_progress_is_only_for_those_who_may_see_the_run(snapshot: Snapshot) -> None:
    run = run_in_training(snapshot)
    assert admin_browser("labeling.view_prompt").get(address_of(run, "progress")).status_code == 403
    assert Client().get(address_of(run, "progress")).status_code == 302


def test_a_hanging_run_is_ended_with_a_reason() -> None:
    client, run = admin_browser(), request_retraining(trigger="manual")
    client.post(address_of(run, "end"), {"reason": "wrong base"})
    run.refresh_from_db()
    assert (run.state, run.failure) == (RunState.FAILED, "Ended by an admin: wrong base")
    assert "failed" in client.get(reverse("admin:index")).text
    response = client.post(address_of(run, "end"), {"reason": "again"}, follow=True)
    assert "had ended already" in texts_of(response)[0]


def test_a_finished_run_shows_old_and_new_side_by_side(snapshot: Snapshot) -> None:
    run = run_in_training(snapshot)
    new = {"rankings": 60, "prompt_accuracy": 0.71, "prompt_accuracy_interval": [0.65, 0.77], "log_loss": 0.6}
    current = ModelVersion.objects.create(
        kind="reward", reward_model=default_reward_model(), name="reward-0", path="/r"
    )
    begin_evaluating(run=run, compared_with=current)
    TrainingRun.objects.filter(pk=run.pk).update(
        state=RunState.DONE,
        decision="Promoted: a gain.",
        evaluation={"new": new, "current": new | {"prompt_accuracy": 0.66, "log_loss": 0.65}},
    )
    text = admin_browser().get(page(run)).text
    for shown in ("71.0%", "65.0% – 77.0%", "66.0%", "+5.0%", "-0.050", "Promoted: a gain."):
        assert shown in text


def test_the_numbers_of_a_decision_are_on_the_pages_of_run_and_version(snapshot: Snapshot, tmp_path: Path) -> None:
    test: Any = {
        "rankings": 120, "prompts": 117, "new": 0.704, "current": 0.7, "difference": 0.004, "confidence": 0.95,
        "lower": -0.011, "interval": [-0.014, 0.022], "probability_better": 0.66,
    }  # fmt: skip
    rule = Rule(tolerance=0.02, min_gain=0.0, confidence=0.95, min_test_rankings=50, min_new_rankings=25)
    decision = decide(test=test, newest=None, against="reward-0", since="2026-01-02T00:00:00Z", rule=rule)
    run, version = run_in_training(snapshot), model_in(tmp_path / "reward-1")
    begin_evaluating(run=run, compared_with=None)
    finish_run(run=run, model_version=version, evaluation={}, decision=decision.reason, promotion=decision.numbers)
    client = admin_browser()
    for shown in (run, version):
        text = client.get(page(shown)).text
        for part in (
            "70.4%",
            "+0.4%",
            "-1.1%",
            "≥\N{NO-BREAK SPACE}-2.0%",
            "66.0%",
            "needs 25",
            "01/02/2026",
            "confidence 95%",
        ):
            assert part in text, part


def test_a_snapshot_downloads_as_an_archive_that_verifies(snapshot: Snapshot, tmp_path: Path) -> None:
    client = admin_browser()
    response = client.get(address_of(snapshot, "download"))
    assert response["Content-Type"] == "application/gzip"
    packed = b"".join(response)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    assert gzip.decompress(packed)
    (directory,) = (tmp_path / "unpacked").iterdir()
    assert verify_snapshot(directory).sha256 == snapshot.sha256
    assert b"".join(client.get(address_of(snapshot, "download"))) == packed


@pytest.mark.parametrize("damage", ["changed", "gone", "another"])
def test_a_snapshot_that_changed_is_not_handed_out(snapshot: Snapshot, tmp_path: Path, damage: str) -> None:
    file = next(Path(snapshot.path).rglob("*.jsonl"))
    file.chmod(0o644)
    if damage == "changed":
        file.write_text("{}")
    elif damage == "gone":
        file.unlink()
    else:
        Snapshot.objects.bulk_create(
            [Snapshot(path=f"{snapshot.path}/.", as_of=snapshot.as_of, filters={}, counts={}, sha256="0" * 64, bytes=1)]
        )
        snapshot = Snapshot.objects.get(sha256="0" * 64)
    response = admin_browser().get(address_of(snapshot, "download"), follow=True)
    assert "It can't be downloaded" in texts_of(response)[0]


def test_the_front_page_says_what_stands_still(bob: Labeler) -> None:
    client = admin_browser()
    a_task()
    text = client.get(reverse("admin:index")).text
    assert "No model is current to sample from" in text
    assert "Nothing to rank in" not in text
    rank(bob, [1, 2, 3, 4])
    assert "Nothing to rank in" in client.get(reverse("admin:index")).text
