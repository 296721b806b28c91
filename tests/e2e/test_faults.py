"""Whatever fails while somebody works: a real browser, a real server that dies and comes back, and no text lost."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, Route, ViewportSize, expect
from pytest_django.live_server_helper import LiveServer

from labeling.desk.services.leases import close_campaign, suspend_labeler
from labeling.models import Assignment, EarlierDraft, Labeler
from tests.e2e import desk
from tests.e2e.desk import PATIENCE_S, until
from tests.labeling.cast import PASSWORD, make_labeler
from tests.processes import Processes, free_port, processes

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]

DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}
LABEL = "What the assistant should say"

# A server has to come back, or the next try to save is some seconds away.
says = partial(desk.says, seconds=PATIENCE_S)
server_has = partial(desk.server_has, seconds=PATIENCE_S)


class Server:
    """Concord's web server as a process of its own, which can be killed and started again at the same address."""

    def __init__(self, started: Processes) -> None:
        self.port = free_port()
        self.processes = started
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.processes.start("web", "manage.py", "runserver", "--noreload", "--insecure", f"127.0.0.1:{self.port}")
        self.processes.wait_for("the web server answers", self._answers)

    def kill(self) -> None:
        self.processes.kill("web")

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/healthz", timeout=2) as response:
                return bool(response.status == 200)
        except OSError:
            return False


@pytest.fixture
def server(process_environment: dict[str, str], tmp_path: Path, alice: Labeler) -> Iterator[Server]:
    # It reads the product's settings, which do not know the quick hasher of the tests.
    alice.user.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1)
    alice.user.save(update_fields=["password"])
    with processes(process_environment | {"DEBUG": "true"}, tmp_path) as started:
        running = Server(started)
        running.start()
        yield running


@pytest.fixture
def address(request: pytest.FixtureRequest, live_server: LiveServer) -> str:
    """Of the server that a test kills; of the one in a thread of the tests, where it lives through the test."""
    return str(request.getfixturevalue("server").url) if "server" in request.fixturenames else live_server.url


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def context(browser: Browser, address: str, alice: Labeler, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    opened = browser.new_context(base_url=address, viewport=request.param, locale="en")
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return log_in(context.new_page())


desktop_only = pytest.mark.parametrize("context", [DESKTOP], indirect=True, ids=["desktop"])


def log_in(page: Page) -> Page:
    page.goto("/login/")
    enter_password(page)
    return page


def enter_password(page: Page) -> None:
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_label("Password")).to_have_count(0)


def start_writing(page: Page) -> Assignment:
    desk.start_writing(page)
    return Assignment.objects.latest("id")


def start_ranking(page: Page) -> Assignment:
    desk.start_ranking(page)
    return Assignment.objects.latest("id")


def holds(page: Page, text: str) -> None:
    expect(page.get_by_label(LABEL)).to_have_value(text)


def is_on_the_server(page: Page, held: Assignment, text: str) -> None:
    server_has(page, held, {"text": [text]})


def test_a_server_that_dies_while_somebody_types_loses_nothing(page: Page, server: Server) -> None:
    held = start_writing(page)
    field = page.get_by_label(LABEL)
    field.press_sequentially("Before. ")
    says(page, "Saved on the server")
    server.kill()
    field.press_sequentially("While it was dead. ")
    says(page, "No connection: kept in this browser. On the server: as of")
    field.press_sequentially("And on.")
    server.start()
    is_on_the_server(page, held, "Before. While it was dead. And on.")
    says(page, "Saved on the server")


def test_closing_the_tab_while_the_server_is_dead_loses_nothing(
    page: Page, server: Server, context: BrowserContext
) -> None:
    held = start_writing(page)
    left = page.url
    server.kill()
    page.get_by_label(LABEL).fill("Closed in the dark.")
    says(page, "kept in this browser")
    page.close()
    server.start()
    again = context.new_page()
    again.goto("/")
    expect(again.locator("[data-unsent]")).to_be_visible()
    again.locator("[data-unsent]").get_by_role("link").click()
    expect(again).to_have_url(left)
    holds(again, "Closed in the dark.")
    is_on_the_server(again, held, "Closed in the dark.")


def test_work_goes_on_offline_and_is_sent_on_return(page: Page, context: BrowserContext) -> None:
    held = start_writing(page)
    context.set_offline(offline=True)
    page.get_by_label(LABEL).fill("In a tunnel.")
    says(page, "No connection: kept in this browser")
    page.get_by_role("button", name="Submit demonstration").click()
    says(page, "be submitted without a connection")
    holds(page, "In a tunnel.")
    context.set_offline(offline=False)
    is_on_the_server(page, held, "In a tunnel.")
    says(page, "Saved on the server")
    page.get_by_role("button", name="Submit demonstration").click()
    expect(page.get_by_role("status").first).to_contain_text("Demonstration saved")


@desktop_only
def test_typing_without_a_pause_is_saved_all_the_same(page: Page) -> None:
    held = start_writing(page)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method) if request.url.endswith("/draft/") else None)
    page.get_by_label(LABEL).press_sequentially("word " * 20, delay=60)  # six seconds without one of 400 ms
    assert sent.count("PUT") >= 4
    is_on_the_server(page, held, "word " * 20)


@desktop_only
def test_a_second_tab_learns_at_once_and_both_may_go_on(page: Page, context: BrowserContext) -> None:
    held = start_writing(page)
    second = context.new_page()
    second.goto(page.url)
    page.get_by_label(LABEL).fill("First tab.")
    holds(second, "First tab.")
    second.get_by_label(LABEL).fill("First tab. Second tab.")
    holds(page, "First tab. Second tab.")
    is_on_the_server(page, held, "First tab. Second tab.")
    for tab in (page, second):
        expect(tab.locator("[data-conflict]")).to_be_hidden()


@desktop_only
def test_two_tabs_follow_each_other_offline_too(page: Page, context: BrowserContext) -> None:
    held = start_writing(page)
    second = context.new_page()
    second.goto(page.url)
    context.set_offline(offline=True)
    page.get_by_label(LABEL).fill("In")
    says(page, "kept in this browser")
    page.get_by_label(LABEL).fill("In the first tab, offline.")
    holds(second, "In the first tab, offline.")
    page.close()
    second.close()
    context.set_offline(offline=False)
    third = context.new_page()
    third.goto(f"/work/{held.token}/")
    holds(third, "In the first tab, offline.")
    is_on_the_server(third, held, "In the first tab, offline.")


@desktop_only
@pytest.mark.parametrize(
    ("choice", "kept", "aside"),
    [("Keep what is here", "On the second.", "On the first."), ("Take the other", "On the first.", "On the second.")],
)
def test_two_devices_are_shown_side_by_side_and_the_loser_is_kept(
    page: Page, browser: Browser, address: str, choice: str, kept: str, aside: str
) -> None:
    held = start_writing(page)
    device = browser.new_context(base_url=address, viewport=DESKTOP, locale="en")
    second = log_in(device.new_page())
    second.goto(page.url)
    page.get_by_label(LABEL).fill("On the first.")
    says(page, "Saved on the server")
    second.get_by_label(LABEL).fill("On the second.")
    conflict = second.locator("[data-conflict]")
    expect(conflict).to_be_visible()
    expect(conflict.locator("[data-mine]")).to_contain_text("On the second.")
    expect(conflict.locator("[data-theirs]")).to_contain_text("On the first.")
    second.get_by_role("button", name=choice).click()
    holds(second, kept)
    is_on_the_server(second, held, kept)
    until(second, EarlierDraft.objects.filter(token=held.token, draft__text=[aside]).exists)
    device.close()


@desktop_only
def test_a_server_that_fails_on_saving_counts_as_unreachable(page: Page) -> None:
    held = start_writing(page)

    def fail(route: Route) -> None:
        route.fulfill(status=500, body="Server error")

    page.route("**/draft/", fail)
    page.get_by_label(LABEL).fill("Against an error.")
    says(page, "No connection: kept in this browser")
    page.unroute("**/draft/")
    is_on_the_server(page, held, "Against an error.")


def test_a_session_that_ends_in_the_moment_of_submitting_costs_nothing(page: Page, context: BrowserContext) -> None:
    held = start_writing(page)
    context.clear_cookies(name="sessionid")
    page.get_by_label(LABEL).fill("Written, and at once:")
    page.get_by_role("button", name="Submit demonstration").click()
    expect(page.get_by_label("Password")).to_be_visible()
    enter_password(page)
    expect(page).to_have_url(f"{page.url.split('/work/')[0]}/work/{held.token}/")
    holds(page, "Written, and at once:")
    page.get_by_role("button", name="Submit demonstration").click()
    expect(page.get_by_role("status").first).to_contain_text("Demonstration saved")


@desktop_only
def test_a_safety_token_that_no_longer_fits_shows_a_way_back_to_the_text(page: Page, context: BrowserContext) -> None:
    start_writing(page)
    page.route("**/draft/", lambda route: route.abort())
    page.get_by_label(LABEL).fill("Without its token.")
    says(page, "kept in this browser")
    context.clear_cookies(name="csrftoken")
    page.get_by_role("button", name="Submit demonstration").click()
    expect(page.get_by_role("main")).to_contain_text("open for too long")
    page.get_by_role("link", name="Back to your work").click()
    holds(page, "Without its token.")


@desktop_only
def test_a_campaign_that_closes_in_the_middle_of_a_ranking_keeps_it(page: Page) -> None:
    held = start_ranking(page)
    page.get_by_label("Note on the whole").fill("Half way through.")
    says(page, "Saved on the server")
    close_campaign(campaign=held.campaign)
    page.get_by_label("Note on the whole").fill("Half way through, and on.")
    server_has(page, held, {"note": ["Half way through, and on."]})
    page.reload()
    expect(page.get_by_role("main")).to_contain_text("This campaign is closed")


@desktop_only
def test_a_labeler_who_is_suspended_in_the_middle_keeps_the_text(page: Page, alice: Labeler) -> None:
    start_writing(page)
    page.get_by_label(LABEL).fill("Until I was suspended.")
    says(page, "Saved on the server")
    suspend_labeler(labeler=alice)
    page.get_by_role("button", name="Submit demonstration").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your account is paused")
    expect(page.get_by_role("main")).to_contain_text("Until I was suspended.")


@desktop_only
@pytest.mark.parametrize("off_by", [timedelta(days=-400), timedelta(days=400)])
def test_a_clock_that_is_wrong_changes_neither_the_saving_nor_the_time(page: Page, off_by: timedelta) -> None:
    page.clock.set_fixed_time(timezone.now() + off_by)
    held = start_writing(page)
    page.get_by_label(LABEL).fill("By a wrong clock.")
    is_on_the_server(page, held, "By a wrong clock.")
    says(page, "Saved on the server")
    page.get_by_role("button", name="Submit demonstration").click()
    expect(page.get_by_role("status").first).to_contain_text("Demonstration saved")
    seconds = held.demonstrations.get().active_seconds
    assert seconds is not None
    assert 0 <= seconds < 120


@desktop_only
def test_a_paste_that_is_too_long_says_so_and_stays(page: Page) -> None:
    held = start_writing(page)
    page.get_by_label(LABEL).fill("x" * 1_000_050)
    says(page, "Not saved: This is more than 1,000,000 characters in all. Shorten it.")
    assert page.get_by_label(LABEL).evaluate("field => field.value.length") == 1_000_050
    page.get_by_label(LABEL).fill("Shorter.")
    is_on_the_server(page, held, "Shorter.")


@desktop_only
def test_a_full_storage_is_said_and_the_server_still_saves(page: Page, context: BrowserContext) -> None:
    context.add_init_script("Storage.prototype.setItem = () => { throw new Error('full') }")
    held = start_writing(page)
    page.get_by_label(LABEL).fill("On the server alone.")
    is_on_the_server(page, held, "On the server alone.")
    page.route("**/draft/", lambda route: route.abort())
    page.get_by_label(LABEL).fill("Nowhere yet.")
    says(page, "this browser keeps nothing")


@desktop_only
def test_the_next_person_at_the_computer_is_not_shown_what_was_kept(page: Page, context: BrowserContext) -> None:
    make_labeler("bob")
    start_writing(page)
    page.route("**/draft/", lambda route: route.abort())
    page.get_by_label(LABEL).fill("Alice wrote this.")
    says(page, "kept in this browser")
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("User name").fill("bob")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What there is to do")
    expect(page.locator("[data-unsent]")).to_be_hidden()
