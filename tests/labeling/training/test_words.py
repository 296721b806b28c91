"""Decisions, failures and reasons are stored in English and read in the language of whoever looks."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from labeling.base.states import RunState
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import ModelVersion, Promotion, TrainingRun
from labeling.training.admin.decisions import decision_in_words
from labeling.training.admin.sentences import failure_in_words, reason_in_words, trigger_in_words
from labeling.training.rules.promotion import Rule, decide
from labeling.training.services.requesting import request_retraining
from labeling.training.services.retraining import HELD_BACK
from labeling.training.services.runs import fail_run
from tests.labeling.admin_cast import admin_browser
from tests.labeling.models_in_use import promoted
from tests.tiny_models import make_tiny_model

RULE = Rule(tolerance=0.02, min_gain=0.0, confidence=0.95, min_test_rankings=50, min_new_rankings=25)


def comparison(rankings: int, lower: float) -> Any:
    return {
        "rankings": rankings, "prompts": rankings, "new": 0.704, "current": 0.7, "difference": 0.004,
        "confidence": 0.95, "lower": lower, "interval": [-0.014, 0.022], "probability_better": 0.66,
    }  # fmt: skip


DECISIONS = [
    (comparison(120, -0.01), comparison(60, 0.01), "reward-0"),
    (comparison(120, -0.03), comparison(60, 0.01), "reward-0"),
    (comparison(120, -0.01), comparison(60, -0.01), "reward-0"),
    (comparison(40, -0.01), None, ""),
    (None, None, ""),
]


@pytest.mark.parametrize(("test", "newest", "against"), DECISIONS)
def test_a_decision_said_again_from_its_numbers_is_the_decision(test: Any, newest: Any, against: str) -> None:
    decision = decide(test=test, newest=newest, against=against, since="2026-01-02T00:00:00Z", rule=RULE)
    run = TrainingRun(decision=decision.reason, promotion=decision.numbers)
    assert decision_in_words(run) == decision.reason
    with translation.override("zh-hans"):
        assert decision_in_words(run)[:2] in ("已启", "保留")


def test_a_model_held_back_for_its_simulated_labelers_says_so_in_both_languages() -> None:
    test, newest, against = DECISIONS[0]
    decision = decide(test=test, newest=newest, against=against, since="2026-01-02T00:00:00Z", rule=RULE)
    run = TrainingRun(decision=HELD_BACK.format(reason=decision.reason), promotion=decision.numbers)
    assert decision_in_words(run) == run.decision
    with translation.override("zh-hans"):
        assert "模拟标注员" in decision_in_words(run)


@pytest.mark.parametrize(
    ("stored", "chinese"),
    [
        ("Its worker was stopped.", "它的工作进程被停止。"),
        (
            "It was begun 3 times without getting on. The last time: Its worker was stopped.",
            "开始了 3 次都没有进展。最后一次：它的工作进程被停止。",
        ),
        (
            "The training process was ended by SIGKILL. The end of its log:\nline 1\n100 % of line 2",
            "训练进程被 SIGKILL 终止。日志末尾：\nline 1\n100 % of line 2",
        ),
        ("The model directory /a/b does not exist.", "模型目录 /a/b 不存在。"),
        ("Ended by an admin: wrong base", "由管理员结束：wrong base"),
        ("Something that nobody translated.", "Something that nobody translated."),
    ],
)
def test_failures_are_read_in_chinese_and_logs_stay_as_they_are(stored: str, chinese: str) -> None:
    assert failure_in_words(stored) == stored
    with translation.override("zh-hans"):
        assert failure_in_words(stored) == chinese


def test_reasons_of_versions_and_triggers_are_read_in_chinese() -> None:
    with translation.override("zh-hans"):
        assert reason_in_words("Rolled back from reward-3.") == "由reward-3回退而来。"
        assert trigger_in_words("Starter has 40 new rankings (the threshold is 40).") == (
            "Starter有 40 个新排序（阈值为 40）。"
        )


@pytest.mark.django_db
def test_the_pages_of_a_failed_run_and_of_a_version_are_in_the_readers_language() -> None:
    run = request_retraining(trigger="manual")
    fail_run(run=run, reason="The model directory /nowhere does not exist.")
    version = ModelVersion.objects.create(
        kind="reward", reward_model=default_reward_model(), name="reward-1", path="/r", state="retired",
        state_reason="Replaced by reward-2.",
    )  # fmt: skip
    Promotion.objects.create(version=version, reason="Rolled back from reward-2.", rolled_back=True)
    client = admin_browser()
    in_chinese(client)
    page = client.get(reverse("admin:labeling_trainingrun_change", args=[run.pk])).text
    assert "模型目录 /nowhere 不存在。" in page
    assert "模型目录 /nowhere 不存在。" in client.get(reverse("admin:index")).text
    assert TrainingRun.objects.get().state == RunState.FAILED
    page = client.get(reverse("admin:labeling_modelversion_change", args=[version.pk])).text
    assert "由reward-2取代。" in page
    assert "由reward-2回退而来。" in page


@pytest.mark.django_db
def test_what_nobody_has_translated_is_quoted_as_english_with_the_recipes_names_of_its_options() -> None:
    run = request_retraining(trigger="manual")
    fail_run(run=run, reason="Something new. Lower --learning-rate, or give --cache-directory.")
    client = admin_browser()
    address = reverse("admin:labeling_trainingrun_change", args=[run.pk])
    page = client.get(address).text
    assert "says in English" not in page
    assert "<code>--learning-rate</code> “Learning rate”" in page
    in_chinese(client)
    page = client.get(address).text
    assert '<pre class="cc-error" lang="en">Something new.' in page
    assert "训练程序用英文说明了" in page
    assert "<code>--learning-rate</code> “学习率”" in page
    assert "<code>--cache-directory</code>" not in page  # no option of a recipe
    listed = client.get(reverse("admin:labeling_trainingrun_changelist")).text
    assert '<span class="cc-excerpt" lang="en">Something new.' in listed


def in_chinese(client: Client) -> None:
    client.cookies["django_language"] = "zh-hans"


@pytest.mark.django_db
def test_the_page_of_a_version_says_its_name_as_it_is_and_its_reason_in_chinese(tmp_path: Path) -> None:
    version = promoted(make_tiny_model(tmp_path / "gemma-small"))
    ModelVersion.objects.update(state_reason="The first model to sample from.")
    client = admin_browser()
    client.cookies["django_language"] = "zh-hans"
    page = client.get(reverse("admin:labeling_modelversion_change", args=[version.pk])).text
    assert "最早用来采样的模型。" in page
    assert "The first model to sample from." not in page
    assert "Gemma-small" not in page
    assert '<pre class="cc-code"' not in page  # there are no metrics to show
