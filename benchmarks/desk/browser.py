"""A real Chromium in which a labeler of the stage is logged in."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, sync_playwright

WIDE = (1440, 900)
# Chromium calls home at every start unless it is told not to.
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Headless: the distribution's where there is one, else the one that Playwright fetched."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def logged_in(browser: Browser, port: int, account: str, password: str) -> Iterator[BrowserContext]:
    """A browser profile with nothing in it but the session: its cache is empty."""
    width, height = WIDE
    address = f"http://127.0.0.1:{port}"
    first = browser.new_context(base_url=address)
    page = first.new_page()
    page.goto("/login/")
    page.locator("input[name=username]").fill(account)
    page.locator("input[name=password]").fill(password)
    page.locator("main form button[type=submit]").click()
    page.wait_for_url(f"{address}/")
    session = first.storage_state()
    first.close()
    context = browser.new_context(base_url=address, viewport={"width": width, "height": height}, storage_state=session)
    try:
        yield context
    finally:
        context.close()
