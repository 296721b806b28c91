"""Agreement, habits and evaluations on a dark phone in Chinese, and on a light desk in English: all can be read."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from labeling.evaluations.services.planning import plan_evaluation
from labeling.evaluations.services.running import decide, start_evaluation
from labeling.models import Evaluation, Labeler, ModelVersion, Sentinel
from labeling.quality.bias.services.looking import look_at_habits
from tests.e2e.desk import fits, serious
from tests.labeling.cast import make_labeler
from tests.labeling.evaluations.people_judge import Speaker, asked_of, begins_with, judge, ranked_by, sampled
from tests.labeling.quality.test_agreement_page import share_tasks

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

WINDOWS: list[tuple[int, Any, str]] = [(1440, "light", "en"), (360, "dark", "zh-CN")]


def judged_evaluation() -> Evaluation:
    """Three models of which people prefer the first, on enough prompts to say so."""
    names = ("policy-3-of-the-second-week", "policy-2", "policy-1")
    first, second, third = (ModelVersion.objects.create(kind="sft", name=name, path=f"/{name}") for name in names)
    planned = plan_evaluation(
        name="Second turn of the loop", source=asked_of(24), candidate=first, baseline=second, others=[third], gain=0.2
    )
    evaluation = start_evaluation(evaluation=planned)
    sampled(evaluation, **{name: Speaker(word) for name, word in zip(names, ("New", "Old", "First"), strict=True)})
    ranked_by(judge("hanna"), evaluation, begins_with("New", "Old", "First"), at_most=5)
    ranked_by(judge("henry"), evaluation, begins_with("Old", "New", "First"), at_most=6)
    ranked_by(judge("hugo"), evaluation, begins_with("New", "Old", "First"))
    decide(evaluation)
    return evaluation


def test_agreement_habits_and_evaluations_are_for_everybody(
    browser: Browser,
    live_server: LiveServer,
    alice: Labeler,
) -> None:
    share_tasks(alice, make_labeler("bob"), make_labeler("charlie"))
    look_at_habits()
    sentinel = Sentinel.objects.create(name="Old", first_source="secret-model", second_source="new")
    pages = [
        reverse("admin:labeling_rankingagreement_figures"),
        reverse("admin:labeling_labelerhabits_figures"),
        reverse("admin:labeling_labelerhabits_change", args=[alice.pk]),
        reverse("admin:labeling_sentinel_change", args=[sentinel.pk]),
        reverse("admin:labeling_evaluation_change", args=[judged_evaluation().pk]),
        reverse("admin:labeling_evaluation_plan"),
    ]
    olga = Client()
    olga.force_login(User.objects.create_superuser("olga"))
    session = settings.SESSION_COOKIE_NAME
    found = {}
    for width, theme, language in WINDOWS:
        context = browser.new_context(
            base_url=live_server.url, viewport={"width": width, "height": 800}, color_scheme=theme, locale=language
        )
        context.add_cookies([{"name": session, "value": olga.cookies[session].value, "url": live_server.url}])
        page = context.new_page()
        for address in pages:
            page.goto(address)
            problems = serious(page) + ([] if fits(page) else ["scrolls sideways"])
            if problems:
                found[address, width] = problems
        context.close()
    assert found == {}
