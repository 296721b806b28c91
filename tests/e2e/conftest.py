"""A real Chromium for tests that click: the distribution's where there is one, else the one that Playwright fetched."""

import shutil
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from labeling.models import Labeler
from tests.e2e.desk import PATIENCE_S, log_in
from tests.labeling import conftest as cast

# Chromium calls home at every start unless it is told not to; tests talk to this machine alone.
QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser(monkeymodule: pytest.MonkeyPatch) -> Iterator[Browser]:
    # Playwright's event loop lives in this thread, which Django takes for code that may not touch the database.
    monkeymodule.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def monkeymodule() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


expect.set_options(timeout=1000 * PATIENCE_S)

IDLE_S = 0.1

alice = cast.alice


@pytest.fixture(autouse=True)
def nothing_in_flight() -> Iterator[None]:
    """Ends when the server has answered what pages sent while they were closed: a draft on its way would otherwise
    meet the emptying of the tables, and one of the two would lose the deadlock.
    """
    open_requests: set[int] = set()
    last = time.monotonic()

    def begun(**_: Any) -> None:
        nonlocal last
        open_requests.add(threading.get_ident())
        last = time.monotonic()

    def ended(**_: Any) -> None:
        nonlocal last
        open_requests.discard(threading.get_ident())
        last = time.monotonic()

    request_started.connect(begun)
    request_finished.connect(ended)
    yield
    deadline = time.monotonic() + PATIENCE_S
    while (open_requests or time.monotonic() - last < IDLE_S) and time.monotonic() < deadline:
        time.sleep(0.02)
    request_started.disconnect(begun)
    request_finished.disconnect(ended)


@pytest.fixture
def context(browser: Browser, live_server: LiveServer, alice: Labeler) -> Iterator[BrowserContext]:
    """A wide screen, in English."""
    opened = browser.new_context(base_url=live_server.url, viewport={"width": 1440, "height": 900}, locale="en")
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Alice has logged in."""
    return log_in(context.new_page())
