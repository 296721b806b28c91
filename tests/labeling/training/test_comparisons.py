"""Two reward models of somebody's choice, measured on the same rankings and shown on one page."""

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from labeling.base.refusals import ComparisonRefused
from labeling.base.states import ModelKind, ScoringState
from labeling.models import Labeler, ModelComparison, ModelVersion, Snapshot
from labeling.training.services.comparisons import compare_models, request_comparison
from labeling.training.services.trainer import Trainer
from labeling.training.services.trainer_process import TrainerFailed, TrainerStopped
from tests.labeling.admin_cast import admin_browser, model_in, snapshot_in, texts_of
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db

COMPARE = reverse("admin:labeling_modelversion_compare_two")


@pytest.fixture(autouse=True)
def folders(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "var"


@pytest.fixture
def snapshot(tmp_path: Path, alice: Labeler) -> Snapshot:
    make_ready_task(make_prompt(make_campaign(), submitter="submitter-50"))  # whose prompts are in the split test
    rank(alice, [1, 2, 3, 4])
    return snapshot_in(tmp_path / "snapshot")


@pytest.fixture
def versions(tmp_path: Path) -> tuple[ModelVersion, ModelVersion]:
    return model_in(tmp_path / "reward-1"), model_in(tmp_path / "reward-2")


def summary(accuracy: float) -> dict[str, Any]:
    return {
        "rankings": 60, "prompts": 55, "pairs": 360, "pair_accuracy": accuracy, "prompt_accuracy": accuracy,
        "log_loss": 1 - accuracy, "loss": 1 - accuracy, "prompt_accuracy_interval": [accuracy - 0.05, accuracy + 0.05],
    }  # fmt: skip


def measured(interval: list[float] | None) -> Any:
    """What rm_trainer writes of both, instead of rm_trainer."""

    def evaluate(_self: Trainer, *, model: Path, to: Path, current: Path | None = None, **_: Any) -> dict[str, Any]:
        to.write_text("{}")
        difference = {
            "rankings": 60, "prompts": 55, "difference": 0.08, "interval": interval, "probability_better": 0.97,
        }  # fmt: skip
        return {"metrics": summary(0.74 if current else 0.66), "comparison": difference if current else {}}

    return evaluate


def test_an_admin_compares_two_and_reads_which_is_better(
    snapshot: Snapshot, versions: tuple[ModelVersion, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = admin_browser()
    form = client.get(COMPARE).text
    assert "reward-1" in form
    assert str(snapshot) in form
    asked = {"first": versions[0].pk, "second": versions[1].pk, "snapshot": snapshot.pk, "split": "test"}
    assert "reward-1 – reward-2" in texts_of(client.post(COMPARE, asked, follow=True))[0]
    comparison = ModelComparison.objects.get()
    page = reverse("admin:labeling_modelcomparison_change", args=[comparison.pk])
    assert "A training worker measures both" in client.get(page).text
    monkeypatch.setattr(Trainer, "evaluate", measured([0.01, 0.15]))
    compare_models(comparison_id=comparison.pk)
    text = client.get(page).text
    for shown in ("66.0%", "74.0%", "69.0% – 79.0%", "+8.0%", "+1.0% – +15.0%", "97.0%", "The second is better"):
        assert shown in text, shown
    compare_models(comparison_id=comparison.pk)  # a message that came twice
    assert "+8.0% (+1.0% – +15.0%)" in client.get(reverse("admin:labeling_modelcomparison_changelist")).text


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ([-0.2, -0.1], "The first is better"),
        ([-0.1, 0.1], "Not told apart"),
        (None, "There is not enough data to tell them apart"),
    ],
)
def test_the_page_says_no_more_than_the_interval(
    snapshot: Snapshot,
    versions: tuple[ModelVersion, ModelVersion],
    monkeypatch: pytest.MonkeyPatch,
    interval: list[float] | None,
    verdict: str,
) -> None:
    monkeypatch.setattr(Trainer, "evaluate", measured(interval))
    asked = request_comparison(first=versions[0], second=versions[1], snapshot=snapshot, split="test")
    compare_models(comparison_id=asked.pk)
    assert verdict in admin_browser().get(reverse("admin:labeling_modelcomparison_change", args=[asked.pk])).text


def test_what_cannot_be_compared_is_refused(
    snapshot: Snapshot, versions: tuple[ModelVersion, ModelVersion], tmp_path: Path
) -> None:
    first, second = versions
    with pytest.raises(ComparisonRefused, match="two different"):
        request_comparison(first=first, second=first, snapshot=snapshot, split="test")
    with pytest.raises(ComparisonRefused, match="no reward model"):
        request_comparison(
            first=first, second=model_in(tmp_path / "sft", kind=ModelKind.SFT), snapshot=snapshot, split="test"
        )
    with pytest.raises(ComparisonRefused, match=r"no comparison in the split valid \(it has some in: test\)"):
        request_comparison(first=first, second=second, snapshot=snapshot, split="valid")


def test_a_failure_is_said_and_a_stopped_worker_leaves_it_to_the_next(
    snapshot: Snapshot, versions: tuple[ModelVersion, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request_comparison(first=versions[0], second=versions[1], snapshot=snapshot, split="test")

    def ends_with(error: Exception) -> None:
        def evaluate(*_: Any, **__: Any) -> None:
            raise error

        monkeypatch.setattr(Trainer, "evaluate", evaluate)
        compare_models(comparison_id=asked.pk)
        asked.refresh_from_db()

    ends_with(TrainerStopped())
    assert (asked.state, asked.dispatched_at) == (ScoringState.WAITING, None)
    ends_with(TrainerFailed("The weights are gone."))
    assert (asked.state, asked.failure) == (ScoringState.FAILED, "The weights are gone.")
