"""A real Chromium for tests that click: the distribution's where there is one, else the one that Playwright fetched."""

import shutil
from collections.abc import Iterator

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from labeling.models import Labeler
from tests.e2e.desk import PATIENCE_S
from tests.labeling import conftest as cast
from tests.labeling.cast import browser_of

# Chromium calls home at every start unless it is told not to; tests talk to this machine alone.
QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="package")
def browser(monkeypackage: pytest.MonkeyPatch) -> Iterator[Browser]:
    # Playwright's event loop lives in this thread, which Django takes for code that may not touch the database.
    monkeypackage.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def monkeypackage() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


expect.set_options(timeout=1000 * PATIENCE_S)

alice = cast.alice


@pytest.fixture
def context(browser: Browser, live_server: LiveServer, alice: Labeler) -> Iterator[BrowserContext]:
    """A wide screen, in English."""
    opened = browser.new_context(base_url=live_server.url, viewport={"width": 1440, "height": 900}, locale="en")
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext, live_server: LiveServer, alice: Labeler) -> Page:
    """Alice has logged in, and sees her overview."""
    session = browser_of(alice).cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto("/")
    return page
