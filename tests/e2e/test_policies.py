"""A policy in a browser: SFT, PPO, an evaluation that a labeler judges, promotion, an answer in the playground.

A script stands in for the trainer, for what samples and for the models' server; everything between them is real.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from labeling.base.states import LabelerGroup, ModelKind
from labeling.evaluations.services.running import go_on_with_evaluations
from labeling.models import Evaluation, Labeler, ModelVersion, PolicyRun
from tests.e2e.desk import scripts_listen, serious
from tests.labeling.evaluations.people_judge import Speaker, asked_of, begins_with, judge, ranked_by, sampled
from tests.labeling.handed_in import a_task, rank, write
from tests.labeling.models_in_use import promoted, tried
from tests.labeling.playground.scripted_stream import ScriptedServer, server
from tests.labeling.policies.scripted_trainer import PPO_EVENTS, ScriptedTrainer, done, samples, step
from tests.tiny_models import make_tiny_model, make_tiny_reward_model

__all__ = ["server"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def trainer(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> ScriptedTrainer:
    for name in ("VAR_DIR", "SNAPSHOTS_DIR", "CHECKPOINTS_DIR"):
        setattr(settings, name, tmp_path / name.lower())
    settings.POLICY_PRESET, settings.SFT_BASE_MODEL_PATH = "tiny", ""
    scripted = ScriptedTrainer(make_tiny_model(tmp_path / "made"))
    monkeypatch.setattr("labeling.training.services.trainer.run_trainer", scripted)
    return scripted


@pytest.fixture
def olga(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    """The admin's page."""
    client = Client()
    client.force_login(User.objects.create_superuser("olga"))
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900}, locale="en")
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    yield context.new_page()
    context.close()


def ask_for(page: Page, stage: str) -> PolicyRun:
    """By the page on which runs are asked for; a worker does the run, and another one tries what came of it."""
    page.goto("/admin/labeling/policyrun/")
    page.get_by_role("link", name="Train a policy").first.click()
    page.get_by_label("Stage").select_option(stage)
    page.get_by_role("button", name="Train a policy").click()
    expect(page.locator("body")).to_contain_text(re.compile("on its way to a training worker|sends it later"))
    run = done(PolicyRun.objects.get(stage=stage))
    assert run.model_version is not None, run.failure
    tried(run.model_version)
    page.goto(f"/admin/labeling/policyrun/{run.pk}/change/")
    return run


def current() -> str:
    return ModelVersion.objects.get(kind=ModelKind.SFT, state="current").name


def test_from_demonstrations_to_a_promoted_policy_that_answers(
    page: Page, olga: Page, alice: Labeler, trainer: ScriptedTrainer, server: ScriptedServer, tmp_path: Path
) -> None:
    base = promoted(make_tiny_model(tmp_path / "base"))
    promoted(make_tiny_reward_model(tmp_path / "reward"), kind=ModelKind.REWARD)
    bob = judge("bob", group=LabelerGroup.TRAINING)
    a_task()
    rank(bob, [1, 2, 3, 4])
    write(bob, "From what people wrote.")

    # SFT from the demonstrations, then PPO against the reward model.
    trainer.says([step(1), samples(1, "As people write.", valid_loss=1.2)], method="sft")
    sft = ask_for(olga, "sft").model_version
    assert sft is not None
    expect(olga.locator("body")).to_contain_text("As people write.")
    trainer.says(PPO_EVENTS)
    ppo = ask_for(olga, "ppo").model_version
    assert ppo is not None
    expect(olga.locator("body")).to_contain_text("The SFT model says so.")
    expect(olga.locator("body")).to_contain_text("The policy says more.")
    assert serious(olga) == []
    assert current() == base.name  # nothing is promoted by itself

    # An evaluation of the policy against the model that is current.
    source = asked_of(24)
    olga.goto("/admin/labeling/evaluation/")
    olga.get_by_role("link", name="Plan an evaluation").first.click()
    olga.locator("[name=name]").fill("Is it better?")
    for field, option in (("source", source.name), ("candidate", ppo.name), ("baseline", base.name)):
        olga.locator(f"[name={field}]").select_option(label=option)
    olga.locator("[name=gain]").fill("30")
    olga.get_by_text("Promote by itself").click()
    olga.get_by_role("button", name="Plan").last.click()
    expect(olga.locator("body")).to_contain_text("is planned with")
    olga.get_by_role("link", name="Start").first.click()
    olga.get_by_role("button", name="Start").last.click()
    evaluation = Evaluation.objects.get()
    sampled(evaluation, **{ppo.name: Speaker("More"), base.name: Speaker("Less")})

    # Alice, whom no reward model has learned from, judges the first prompt at the desk; then many more are judged.
    Labeler.objects.filter(pk=alice.pk).update(group=LabelerGroup.HELD_OUT)
    page.goto("/")
    page.get_by_role("button", name="Start ranking").click()
    if page.get_by_role("button", name="I have read this").is_visible():
        page.get_by_role("button", name="I have read this").click()
    expect(page.locator("[data-card]")).to_have_count(2)
    scripts_listen(page)
    for card in page.locator("[data-card]").all():
        letter = card.get_attribute("data-card")
        better = "More" in card.inner_text()
        page.locator(f"[data-card={letter}]").focus()
        page.keyboard.press("6" if better else "2")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Ranking saved").first).to_be_visible()
    assert alice.rankings.count() == 1
    ranked_by(judge(), evaluation, begins_with("More", "Less"), at_most=19)
    go_on_with_evaluations()
    olga.goto(f"/admin/labeling/evaluation/{evaluation.pk}/change/")
    expect(olga.locator("body")).to_contain_text(f"Passed: “{ppo.name}” is preferred to “{base.name}”.")
    assert serious(olga) == []
    assert current() == ppo.name

    # It answers in the playground.
    server.pieces = ["More, ", "and better."]
    page.goto("/playground/")
    page.get_by_role("button", name="No, keep nothing").click()
    page.get_by_label("Your turn").fill("Why?")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".of-assistant").last).to_contain_text("More, and better.")
    assert server.asked[-1]["version"] == ppo.name
