"""Agreement and habits on a phone in the dark in Chinese, and on a desk in the light in English: all can be read."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from labeling.models import Labeler, Sentinel
from labeling.quality.bias.services.looking import look_at_habits
from tests.e2e.desk import fits, serious
from tests.labeling.cast import make_labeler
from tests.labeling.quality.test_agreement_page import share_tasks

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

WINDOWS: list[tuple[int, Any, str]] = [(1440, "light", "en"), (360, "dark", "zh-CN")]


def test_agreement_and_habits_are_for_everybody(
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
            page.screenshot(path=f"/tmp/st_{width}_{pages.index(address)}.png", full_page=True)
            problems = serious(page) + ([] if fits(page) else ["scrolls sideways"])
            if problems:
                found[address, width] = problems
        context.close()
    assert found == {}
