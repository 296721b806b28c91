"""Every page and state of the desk, narrow and wide, dark and light, in Chinese: for everybody to use."""

import re
from collections.abc import Callable

import pytest
from django.urls import URLPattern, resolve
from playwright.sync_api import Browser, Page, Request, ViewportSize
from pytest_django.live_server_helper import LiveServer

from labeling.models import Labeler
from labeling.urls import urlpatterns
from tests.e2e.desk import fits, inaccessible, low_contrast
from tests.e2e.test_chinese_session import english_words
from tests.e2e.tour import STOPS, Tour

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]

# What answers with no page of its own: it redirects, or answers scripts.
NO_PAGES = {
    "logout", "next_demonstration", "work_hold", "work_draft", "preview", "compose_start", "compose_pairs",
    "compose_turns", "compose_live", "compose_suggest", "compose_suggestions", "compose_say", "compose_thread",
    "compose_discard", "compose_draft", "drafts_page", "drafts_restore", "submission_revision", "submission_revise",
    "revise_discard", "revise_draft", "acknowledge", "work_skip", "work_resume", "revise_submit",
    "sessions_end", "sessions_end_others",
    "messages_write", "review_next", "review_accept", "review_return", "review_back", "review_compare", "review_draft",
    "control_csv", "metrics", "favicon", "preferences_reading", "first_campaign", "work_time", "compose_time",
    "revise_time", "playground_answer", "playground_consent", "playground_rendered",
    "playground_withdraw",
    "answers_time", "answers_draft", "answers_submit",
}  # fmt: skip
UNFINISHED = re.compile(r"\bundefined\b|\bNaN\b|\bnull\b|\{\w+\}|%\(\w+\)s")


NARROW, WIDE, WIDEST = (ViewportSize(width=w, height=h) for w, h in ((360, 740), (1440, 900), (2560, 1440)))


def test_every_page_is_for_everybody(browser: Browser, live_server: LiveServer, alice: Labeler) -> None:
    context = browser.new_context(
        base_url=live_server.url, viewport=NARROW, color_scheme="dark", locale="zh-CN", reduced_motion="reduce",
        has_touch=True,
    )  # fmt: skip
    seen: set[str] = set()
    elsewhere: list[str] = []
    broken: list[str] = []
    context.on("weberror", lambda thrown: broken.append(f"{thrown.error} on {thrown.page and thrown.page.url}"))
    context.on("request", lambda request: note(request, seen, elsewhere, live_server.url))
    tour = Tour(context, "zh", alice)
    found = {}
    for name, visit in STOPS.items():
        visit(tour)
        found[name] = [*faults_on_a_dark_phone(tour.page), *faults_in_a_wide_light_window(tour.page)]
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


def faults_on_a_dark_phone(page: Page) -> list[str]:
    found = settled(page, inaccessible)
    found += [] if fits(page) else ["it scrolls sideways"]
    if unfinished := UNFINISHED.findall(page.locator("body").inner_text()):
        found.append(f"unfinished words: {unfinished}")
    if words := english_words(page):
        found.append(f"English words: {sorted(words)}")
    return found


def faults_in_a_wide_light_window(page: Page) -> list[str]:
    """The same page as it stands: its names and roles were looked at."""
    page.emulate_media(color_scheme="light")
    found = []
    for size in (WIDEST, WIDE):
        page.set_viewport_size(size)
        found += [] if fits(page) else [f"it scrolls sideways at {size['width']} px"]
    found += [f"light: {one}" for one in settled(page, low_contrast)]
    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="dark")
    return found


def settled(page: Page, faults: Callable[[Page], list[str]]) -> list[str]:
    found = faults(page)
    if found:  # on a busy machine maybe of a frame on the way to what is to be seen
        page.wait_for_timeout(1_000)
        found = faults(page)
    return found
