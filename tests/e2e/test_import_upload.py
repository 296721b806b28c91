"""A file that is too large is refused in the browser, before it is sent."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, FilePayload, expect
from pytest_django.live_server_helper import LiveServer

from tests.labeling.cast import make_campaign

pytestmark = pytest.mark.django_db(transaction=True)


def file_of(size: int) -> FilePayload:
    return FilePayload(name="prompts.jsonl", mimeType="application/jsonl", buffer=b" " * size)


def test_a_file_above_the_limit_is_not_sent_and_a_smaller_one_is(
    browser: Browser, live_server: LiveServer, settings: Any
) -> None:
    settings.IMPORT_MAX_MB = 1
    address = reverse("admin:labeling_campaign_import_prompts", args=[make_campaign().pk])
    olga = Client()
    olga.force_login(User.objects.create_superuser("olga"))
    page = browser.new_context(base_url=live_server.url).new_page()
    page.context.add_cookies([{"name": "sessionid", "value": olga.cookies["sessionid"].value, "url": live_server.url}])
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    for language, words in (("en", "larger than 1 MB"), ("zh-hans", "超过了 1 MB")):
        page.context.add_cookies([{"name": "django_language", "value": language, "url": live_server.url}])
        page.goto(address)
        page.locator("[name=file]").set_input_files(file_of(1_100_000))
        expect(page.get_by_role("alert")).to_contain_text(words)
        page.locator("form[enctype] [type=submit]").click()
        expect(page.get_by_role("alert")).to_contain_text(words)
        assert sent == []

    page.locator("[name=file]").set_input_files(file_of(100))
    expect(page.locator("[data-limit]")).to_be_hidden()
    page.locator("form[enctype] [type=submit]").click()
    page.wait_for_url("**/promptimport/**")
    assert len(sent) == 1
