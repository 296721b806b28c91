"""Every page and state of the desk, wide and narrow, light and dark, in English and Chinese: for everybody to use."""

import re
from typing import Any

import pytest
from django.urls import URLPattern, resolve
from playwright.sync_api import Browser, Page, Request
from pytest_django.live_server_helper import LiveServer

from labeling.models import Labeler
from labeling.urls import urlpatterns
from tests.e2e.desk import fits, inaccessible
from tests.e2e.test_chinese_session import english_words
from tests.e2e.tour import STOPS, Tour

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]

# What answers with no page of its own: it redirects, or answers scripts.
NO_PAGES = {
    "logout", "next_demonstration", "work_hold", "work_draft", "preview", "compose_start", "compose_pairs",
    "compose_turns", "compose_suggest", "compose_suggestions", "compose_say", "compose_thread", "compose_discard",
    "compose_draft", "drafts_page", "drafts_restore", "submission_revision", "submission_revise", "revise_discard",
    "revise_draft", "acknowledge", "work_skip", "work_resume", "revise_submit",
    "sessions_end", "sessions_end_others",
    "messages_write", "review_next", "review_accept", "review_return", "review_back", "review_compare", "review_draft",
    "control_csv", "metrics", "favicon", "preferences_reading", "first_campaign", "work_time", "compose_time",
    "revise_time", "playground_answer", "playground_consent", "playground_withdraw",
}  # fmt: skip
UNFINISHED = re.compile(r"\bundefined\b|\bNaN\b|\bnull\b|\{\w+\}|%\(\w+\)s")


@pytest.mark.parametrize(
    ("width", "theme", "language"),
    [(1440, "light", "en"), (360, "dark", "zh")],
)
def test_every_page_is_for_everybody(
    browser: Browser, live_server: LiveServer, alice: Labeler, width: int, theme: Any, language: str
) -> None:
    context = browser.new_context(
        base_url=live_server.url,
        viewport={"width": width, "height": 740 if width == 360 else 900},
        color_scheme=theme,
        locale="zh-CN" if language == "zh" else "en",
        reduced_motion="reduce",
        has_touch=width == 360,
    )
    seen: set[str] = set()
    elsewhere: list[str] = []
    broken: list[str] = []
    context.on("weberror", lambda thrown: broken.append(f"{thrown.error} on {thrown.page and thrown.page.url}"))
    context.on("request", lambda request: note(request, seen, elsewhere, live_server.url))
    tour = Tour(context, language, alice)
    found = {}
    for name, visit in STOPS.items():
        visit(tour)
        found[name] = faults(tour.page, language)
    context.close()
    assert {name: problems for name, problems in found.items() if problems} == {}
    assert elsewhere == []
    assert broken == [], "scripts that stopped"
    assert {pattern.name for pattern in urlpatterns if isinstance(pattern, URLPattern)} - seen - NO_PAGES == set(), (
        "pages that the tour leaves out"
    )


def note(request: Request, seen: set[str], elsewhere: list[str], home: str) -> None:
    if not request.url.startswith(home):
        elsewhere.append(request.url)
    elif request.is_navigation_request() and "/nowhere/" not in request.url:
        seen.add(str(resolve(request.url.removeprefix(home).partition("?")[0]).url_name))


def faults(page: Page, language: str) -> list[str]:
    found = inaccessible(page)
    if found:  # on a busy machine maybe of a frame on the way to what is to be seen
        page.wait_for_timeout(1_000)
        found = inaccessible(page)
    found += scrolls_sideways(page)
    if unfinished := UNFINISHED.findall(page.locator("body").inner_text()):
        found.append(f"unfinished words: {unfinished}")
    if language == "zh" and (words := english_words(page)):
        found.append(f"English words: {sorted(words)}")
    return found


def scrolls_sideways(page: Page) -> list[str]:
    """In this window, and where it is a wide one in the widest."""
    found = [] if fits(page) else ["it scrolls sideways"]
    size = page.viewport_size
    if size and size["width"] > 360:
        page.set_viewport_size({"width": 2560, "height": 1440})
        found += [] if fits(page) else ["it scrolls sideways at 2560 px"]
        page.set_viewport_size(size)
    return found
