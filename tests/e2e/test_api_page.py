"""The page that describes the API, in a browser: the policy that lets nothing in from elsewhere leaves it working."""

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer


@pytest.mark.django_db(transaction=True)
def test_it_shows_every_address_and_asks_nobody_else(page: Page, live_server: LiveServer) -> None:
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto("/api/v1/")
    expect(page.get_by_text("/api/v1/campaigns/{slug}/prompts/").first).to_be_visible()
    expect(page.get_by_text("/api/v1/webhooks/", exact=True).first).to_be_visible()
    assert errors == []
    assert [url for url in asked if not url.startswith((live_server.url, "data:", "blob:"))] == []
