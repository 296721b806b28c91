"""What was measured of a model, on the pages of its version and its run."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from labeling.base.states import RunState
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import Labeler, ModelVersion, Ranking, TrainingRun
from labeling.training.admin.evaluation import evaluations
from labeling.training.admin.provenance import facts
from labeling.training.services.runs import begin_evaluating
from tests.labeling.admin_cast import admin_browser, run_in_training, snapshot_in
from tests.labeling.cast import make_labeler
from tests.labeling.handed_in import a_task, rank

pytestmark = pytest.mark.django_db


def part(accuracy: float, **more: Any) -> dict[str, Any]:
    """As `metrics.summarise` writes it."""
    figures: dict[str, Any] = {"rankings": 60, "prompts": 50, "pairs": 300, "loss": 0.6}
    for name, value in (("pair_accuracy", accuracy), ("prompt_accuracy", accuracy + 0.01), ("log_loss", 0.61)):
        figures |= {name: value, f"{name}_interval": [value - 0.05, value + 0.05]}
    return figures | more


def measured() -> dict[str, Any]:
    """A metrics.json with everything in it."""
    analysis = {
        "calibration": {
            "ece": 0.042, "ece_interval": [0.03, 0.058], "temperature": 1.31, "temperature_interval": [1.1, 1.6],
            "bins": [
                {"pairs": 120, "probability": 0.53, "accuracy": 0.55, "accuracy_interval": [0.5, 0.6]},
                {"pairs": 180, "probability": 0.91, "accuracy": 0.83, "accuracy_interval": None},
            ],
        },
        "length": {
            "correlation": 0.328, "correlation_interval": [0.25, 0.4], "shorter_won_accuracy": 0.579,
            "shorter_won_accuracy_interval": [0.54, 0.61], "longer_is_better_accuracy": 0.61,
            "longer_is_better_accuracy_interval": None,
        },
        "ceiling": {
            "tasks": 20, "pairs": 110, "agreement": 0.734, "agreement_interval": [0.69, 0.78], "standard_error": 0.02,
            "model": part(0.702), "note": None,
        },
        "best_of_n": [
            {"n": n, "kl": 0.1 * n, "rankings": 60, "prompts": 50, "win_rate": 0.4 + 0.1 * n,
             "win_rate_interval": [0.35 + 0.1 * n, 0.45 + 0.1 * n], "labelers_win_rate": 0.5 + 0.1 * n,
             "quality": 3.0 + n, "quality_interval": None}
            for n in (1, 2, 3, 4)
        ],
        "parts": {
            "completions": {"4": part(0.71), "9": part(0.69)},
            "strength": {"1": part(0.547), "4": part(0.807)},
            "use_case": {"chat": part(0.7), "unknown": part(0.6)},
            "length": {"1": part(0.7)},
            "labeler": {"L7": part(0.75)},
        },
    }  # fmt: skip
    return {
        "valid": part(0.72),
        "test": None,
        "analysis": {"valid": analysis, "test": None},
        "config": {"epochs": 1},
        "base": "01-ai/Yi-6B",
        "snapshot_sha256": "c8dbd6",
        "code": {"commit": "0123456789abcdef", "modified": True, "sources_sha256": "f" * 64},
        "device": "NVIDIA H100", "dtype": "bfloat16", "seed": 5,
        "schedule": {"steps": 516}, "seconds": {"total": 3725.4}, "tokens": {"trained": 1234567},
        "energy": {"joules": 7.2e6, "parts": {}, "note": None},
        "demonstrations": {"count": 200, "mean_reward": 0.000004}, "reward_bias": -1.25,
        "versions": {"torch": "2.13.0"},
    }  # fmt: skip


def version_with(metrics: dict[str, Any], path: str = "/nowhere/reward-1") -> ModelVersion:
    return ModelVersion.objects.create(
        kind="reward", reward_model=default_reward_model(), name="reward-1", path=path, metrics=metrics
    )


def page(row: ModelVersion | TrainingRun) -> str:
    return reverse(f"admin:labeling_{row._meta.model_name}_change", args=[row.pk])


def test_every_figure_is_shown_with_its_interval() -> None:
    text = admin_browser().get(page(version_with(measured()))).text
    for shown in (
        "72.0%", "67.0% – 77.0%", "4.2%", "3.0% – 5.8%", "1.310", "0.328", "57.9%",  # the table
        "73.4%", "the model on the same tasks: 70.2%",  # the ceiling
        "Best of 4 beats another completion", "75.0% – 85.0%", "90.0%", "7.00",  # best of n
        "Negligibly better or unsure", "Significantly better", "80.7%", "unknown", "L7", "shortest",  # slices
    ):  # fmt: skip
        assert shown in text, shown
    assert text.count("cc-whisker") == 2 + 4
    assert "says 91.0%, is right in 83.0% of 180 comparisons" in text


def test_how_it_was_made_is_shown() -> None:
    text = admin_browser().get(page(version_with(measured()))).text
    for shown in (
        "01-ai/Yi-6B", "c8dbd6", "0123456789ab with changes that were not committed", "NVIDIA H100, bfloat16",
        "1:02:05", "1,234,567", "2.000 kWh", "so that 200 demonstrations have mean +0.000004", "torch 2.13.0",
    ):  # fmt: skip
        assert shown in text, shown


def test_what_was_left_out_is_said_beside_how_it_was_made() -> None:
    metrics: Any = measured()
    assert "Left out or not read" not in dict(facts(metrics))
    metrics["counts"] = {
        "train": {"rankings": 40, "too_long_completions": 3, "unread_messages": 40, "also_in_train": 0},
        "test": {"rankings": 9, "also_in_train": 9},
    }
    text = admin_browser().get(page(version_with(metrics))).text
    assert "train: 3 completions too long, 40 messages that the chat template leaves out" in text
    assert "test: 9 prompts that begin like one that was trained on" in text


def test_an_interval_that_does_not_exist_says_why() -> None:
    metrics: Any = measured()
    metrics["valid"]["pair_accuracy_interval"] = None
    (shown,) = evaluations(metrics)
    assert shown.figures[0].interval == "not enough data"


def test_the_run_shows_what_its_model_does_and_a_model_without_figures_breaks_nothing(tmp_path: Path) -> None:
    a_task()
    rank(make_labeler(), [1, 2, 3, 4])
    run = run_in_training(snapshot_in(tmp_path / "snapshot"))
    client = admin_browser()
    assert "On the validation split" not in client.get(page(run)).text
    begin_evaluating(run=run, compared_with=None)
    TrainingRun.objects.filter(pk=run.pk).update(state=RunState.DONE, model_version=version_with(measured()))
    assert "On the validation split" in client.get(page(run)).text
    bare = ModelVersion.objects.create(kind="sft", name="sft-1", path="/nowhere/sft-1")
    assert "How it was made" not in client.get(page(bare)).text


def test_figures_of_an_older_trainer_are_shown_as_far_as_they_go() -> None:
    old: Any = {"valid": {"rankings": 40, "pairs": 200, "prompts": 40, "prompt_accuracy": 0.7, "pair_accuracy": 0.69}}
    (shown,) = evaluations(old)
    assert [figure.value for figure in shown.figures] == ["69.0%", "70.0%", "–"]
    assert shown.reliability is shown.best_of_n is None
    assert "70.0%" in admin_browser().get(page(version_with(old))).text


def test_too_few_shared_tasks_are_said_where_the_ceiling_would_stand() -> None:
    metrics = measured()
    metrics["analysis"]["valid"]["ceiling"] = {"tasks": 1, "pairs": 6, "agreement": None, "model": None, "note": "…"}
    text = admin_browser().get(page(version_with(metrics))).text
    assert "not enough tasks that two of them ranked (1 with 6 comparisons)" in text
    assert "Labelers agree with each other" not in text


def test_folds_are_shown_when_their_file_lies_beside_the_model(tmp_path: Path) -> None:
    client, version = admin_browser(), version_with({}, str(tmp_path / "reward-1"))
    assert "Labelers it was not trained on" not in client.get(page(version)).text
    content = {
        "folds": [
            {"number": 1, "labelers": ["L1", "L4"], "own": part(0.724), "held_out": part(0.696)},
            {"number": 2, "labelers": ["L2"], "own": part(0.73), "held_out": None},
        ],
        "own": part(0.725),
        "held_out": part(0.696),
        "difference": {"pair_accuracy": 0.029, "interval": [0.011, 0.047]},
        "between_folds": {
            "own": {"folds": 2, "mean": 0.727, "standard_error": 0.003},
            "held_out": {"folds": 1, "mean": 0.696, "standard_error": None},
        },
        "ceiling": {"agreement": None},
    }
    (tmp_path / "reward-1.folds").mkdir()
    (tmp_path / "reward-1.folds" / "folds.json").write_text(json.dumps(content))
    text = client.get(page(version)).text
    for shown in ("L1, L4", "72.7% ± 0.3% on labelers trained on, 69.6% on those left out", "2.9%", "1.1% – 4.7%"):
        assert shown in text, shown
    (tmp_path / "reward-1.folds" / "folds.json").write_text("{")
    assert "Labelers it was not trained on" not in client.get(page(version)).text


def test_the_labels_that_a_run_was_trained_on_are_one_click_away(tmp_path: Path, bob: Labeler) -> None:
    """Those of its snapshot and no other: not what came later, nor a revision that another replaced."""
    client = admin_browser()
    a_task()
    rank(make_labeler("alice"), [1, 2, 3, 4])
    snapshot = snapshot_in(tmp_path / "snapshot")
    run = run_in_training(snapshot)
    a_task()
    rank(bob, [1, 2, 3, 4])
    address = f"{reverse('admin:labeling_ranking_changelist')}?snapshot={snapshot.pk}"
    assert address in client.get(page(run)).text
    shown = client.get(address).context["cl"].queryset
    assert [ranking.labeler.user.username for ranking in shown] == ["alice"]
    assert Ranking.objects.count() == 2
    assert snapshot.counts["train"]["rankings"] == 1
    demonstrations = f"{reverse('admin:labeling_demonstration_changelist')}?snapshot={snapshot.pk}"
    assert not client.get(demonstrations).context["cl"].queryset
    assert client.get(f"{reverse('admin:labeling_ranking_changelist')}?snapshot=x").context["cl"].queryset.count() == 2
