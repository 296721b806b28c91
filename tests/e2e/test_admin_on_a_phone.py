"""Evaluation, promotion and the comparison of two models can be read on a phone, without scrolling aside."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from labeling.base.states import RunState, ScoringState
from labeling.models import Labeler, ModelComparison, ModelVersion, TrainingRun
from labeling.training.rules.promotion import Rule, decide
from tests.labeling.admin_cast import model_in, run_in_training, snapshot_in
from tests.labeling.cast import PASSWORD
from tests.labeling.handed_in import a_task, rank
from tests.labeling.training.test_admin_evaluation import measured, part, version_with
from tests.labeling.training.test_words import RULE, comparison

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def phone(browser: Browser, live_server: LiveServer) -> Page:
    User.objects.create_superuser("olga", password=PASSWORD)
    page = browser.new_context(base_url=live_server.url, viewport={"width": 360, "height": 740}).new_page()
    page.goto("/admin/login/?next=/admin/")
    page.locator("[name=username]").fill("olga")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("form.panel [type=submit]").click()
    page.wait_for_url("**/admin/")
    return page


def run_that_was_decided(tmp_path: Path, alice: Labeler) -> TrainingRun:
    a_task()
    rank(alice, [1, 2, 3, 4])
    rule: Rule = RULE
    decision = decide(
        test=comparison(120, -0.01), newest=comparison(60, 0.01), against="reward-0", since="2026-01-02T00:00:00Z",
        rule=rule,
    )  # fmt: skip
    run = run_in_training(snapshot_in(tmp_path / "snapshot"))
    TrainingRun.objects.filter(pk=run.pk).update(state=RunState.EVALUATING)
    TrainingRun.objects.filter(pk=run.pk).update(
        state=RunState.DONE, model_version=version_with(measured()), decision=decision.reason,
        promotion=decision.numbers, evaluation={"new": part(0.71), "current": part(0.7)},
    )  # fmt: skip
    return run


def asked(tmp_path: Path, run: TrainingRun) -> ModelComparison:
    first, second = ModelVersion.objects.get(name="reward-1"), model_in(tmp_path / "a-reward-model-with-a-long-name")
    result = {"first": part(0.66), "second": part(0.74), "comparison": comparison(60, 0.01)}
    snapshot = TrainingRun.objects.get(pk=run.pk).snapshot
    assert snapshot is not None
    return ModelComparison.objects.create(
        first=first, second=second, snapshot=snapshot, split="test", state=ScoringState.READY, result=result
    )


def test_every_figure_is_on_the_screen(phone: Page, tmp_path: Path, alice: Labeler) -> None:
    run = run_that_was_decided(tmp_path, alice)
    two = asked(tmp_path, run)
    pages = [
        reverse("admin:labeling_trainingrun_change", args=[run.pk]),
        reverse("admin:labeling_modelcomparison_change", args=[two.pk]),
    ]
    for address in pages:
        phone.goto(address)
        outside = phone.locator(".cc-stacked td:visible").evaluate_all(
            "cells => cells.filter(cell => cell.getBoundingClientRect().right > innerWidth + 1)"
            ".map(cell => cell.textContent)"
        )
        assert outside == []
        assert phone.locator(".cc-stacked td:visible").count() > 10
    cell = phone.locator(".cc-stacked td[data-label]:visible").first
    label = cell.evaluate("cell => getComputedStyle(cell, '::before').content")
    assert "reward-1" in label  # the column's name stands before the figure
