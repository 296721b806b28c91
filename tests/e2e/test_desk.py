"""The labeler's desk in a real browser: what its scripts promise, and that it works without them."""

import json
import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from labeling.desk.services.assignments import ASSIGNMENTS
from labeling.models import Assignment, EarlierDraft, Labeler, WorkingTime
from tests.e2e.desk import (
    SAVED_WITHIN_S,
    fits,
    held_back,
    log_in,
    says,
    server_has,
    start_ranking,
    start_writing,
    until,
)
from tests.labeling.cast import PASSWORD, make_campaign, make_prompt, make_ready_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def write(page: Page, text: str) -> None:
    page.get_by_label("What the assistant should say").fill(text)


def written(page: Page, text: str) -> None:
    expect(page.get_by_label("What the assistant should say")).to_have_value(text)


def unreachable(route: Route) -> None:
    route.abort()


def test_the_question_mark_shows_the_keys_but_not_while_writing(page: Page) -> None:
    start_ranking(page)
    page.get_by_label("Note on the whole").fill("Why")
    page.get_by_label("Note on the whole").press("?")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_label("Note on the whole")).to_have_value("Why?")
    page.locator("[data-card=A]").press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_digits_in_a_note_are_text(page: Page) -> None:
    start_ranking(page)
    page.locator("[data-card=A]").get_by_text("Note", exact=True).click()
    page.get_by_label("Note · A").press_sequentially("1984")
    expect(page.get_by_label("Note · A")).to_have_value("1984")
    assert page.locator("[data-card] input[type=radio]:checked").count() == 0


def test_a_reload_brings_everything_back(page: Page) -> None:
    start_ranking(page)
    page.keyboard.press("5")
    page.locator("[data-card=B]").get_by_text("Flags").first.click()
    page.locator("[data-card=B]").get_by_label("Hallucination").check()
    says(page, "Saved")
    page.reload()
    expect(page.locator("input[name='1-quality'][value='5']")).to_be_checked()
    expect(page.locator("[data-card=B] [data-flag-count]")).to_have_text("1")
    says(page, "Saved")


def test_what_the_server_could_not_take_is_kept_in_the_browser_and_saved_later(page: Page) -> None:
    start_writing(page)
    page.route("**/draft/", unreachable)
    write(page, "Written in a tunnel.")
    says(page, "No connection: kept in this browser")
    page.reload()
    written(page, "Written in a tunnel.")
    page.unroute("**/draft/")
    page.reload()
    written(page, "Written in a tunnel.")
    says(page, "Saved")
    assert Assignment.objects.get().draft["text"] == ["Written in a tunnel."]


@pytest.mark.parametrize("arrives", ["before the page is loaded again", "after it"])
def test_a_reload_between_two_saves_meets_nobody_elses_draft(page: Page, arrives: str) -> None:
    """The first is on its way, and its answer is not heard. What the page tells as it is left does not arrive."""
    page.add_init_script(
        "const go = fetch; window.fetch = (to, how) => how?.keepalive ? new Promise(() => {}) : go(to, how)"
    )
    start_writing(page)
    held = held_back(page, "**/draft/")
    write(page, "A leaf")
    until(page, lambda: len(held) == 1)
    write(page, "A leaf falls.")
    if arrives == "before the page is loaded again":
        put(page, held[0])
    page.reload()
    until(page, lambda: named(held[-1]) != named(held[0]))
    if arrives == "after it":
        put(page, held[0])
    held[-1].continue_()
    page.unroute("**/draft/")
    says(page, "Saved")
    server_has(page, Assignment.objects.get(), {"text": ["A leaf falls."]})
    written(page, "A leaf falls.")
    expect(page.locator("[data-conflict]")).to_be_hidden()


def named(route: Route) -> str:
    """By which page the draft was sent."""
    return str(json.loads(route.request.post_data or "")["page"])


def put(page: Page, route: Route) -> None:
    """What the page sent, when it hears no more of it."""
    request = route.request
    headers = {name: value for name, value in request.headers.items() if name.startswith(("x-", "content-type"))}
    assert page.request.put(request.url, data=request.post_data_buffer, headers=headers | {"referer": page.url}).ok


def test_a_session_that_ends_while_writing_costs_nothing(page: Page, context: BrowserContext) -> None:
    start_writing(page)
    context.clear_cookies(name="sessionid")
    write(page, "Still here.")
    says(page, "You are logged out")
    page.get_by_role("link", name="Log in").click()
    expect(page.get_by_role("main")).to_contain_text("What you entered there is kept")
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    written(page, "Still here.")
    says(page, "Saved")


def test_a_session_that_ended_before_submitting_costs_nothing(page: Page, context: BrowserContext) -> None:
    start_writing(page)
    write(page, "Almost handed in.")
    says(page, "Saved")
    context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Submit demonstration").click()
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    written(page, "Almost handed in.")
    page.get_by_role("button", name="Submit demonstration").click()
    expect(page.get_by_role("status").first).to_contain_text("Demonstration saved")


def test_work_that_was_handed_in_elsewhere_says_so(page: Page, context: BrowserContext) -> None:
    start_writing(page)
    second = context.new_page()
    second.goto(page.url)
    write(page, "Handed in.")
    page.get_by_role("button", name="Submit demonstration").click()
    expect(page.get_by_role("status").first).to_contain_text("saved")
    write(second, "Too late.")
    says(second, "no longer open")
    second.get_by_role("button", name="Submit demonstration").click()
    expect(second.get_by_role("main")).to_contain_text("submitted already")
    expect(second.get_by_role("main")).to_contain_text("Handed in.")


def test_an_older_page_asks_before_it_is_handed_in_over_newer_work(page: Page, alice: Labeler) -> None:
    start_writing(page)
    held = Assignment.objects.get()
    page.route("**/draft/", unreachable)
    write(page, "On the laptop.")
    draft = {"text": ["On the phone, later."]}
    ASSIGNMENTS.save_draft(labeler=alice, token=str(held.token), draft=draft, base_version=0)
    page.get_by_role("button", name="Submit demonstration").click()
    expect(page.locator("[data-theirs]")).to_contain_text("On the phone, later.")
    expect(page.locator("[data-mine]")).to_contain_text("On the laptop.")
    written(page, "On the laptop.")
    assert not alice.demonstrations.exists()
    page.unroute("**/draft/")
    page.get_by_role("button", name="Keep what is here").click()
    says(page, "Saved on the server")
    page.get_by_role("button", name="Submit demonstration").click()
    expect(page.get_by_role("status").first).to_contain_text("Demonstration saved")
    assert alice.demonstrations.get().text == "On the laptop."
    assert EarlierDraft.objects.filter(draft=draft).exists()


def test_the_browser_forgets_what_was_handed_in(page: Page) -> None:
    start_writing(page)
    page.route("**/draft/", unreachable)
    write(page, "A leaf in hot water.")
    says(page, "kept in this browser")
    assert drafts_in_browser(page) == 1
    page.get_by_role("button", name="Submit demonstration").click()
    expect(page.get_by_role("status").first).to_contain_text("saved")
    until(page, lambda: drafts_in_browser(page) == 0, seconds=SAVED_WITHIN_S)


def drafts_in_browser(page: Page) -> int:
    return int(page.evaluate("Object.keys(localStorage).filter((name) => name.startsWith('concord.draft.')).length"))


def test_time_at_work_counts_activity_and_not_absence(page: Page) -> None:
    page.clock.install()
    start_writing(page)
    write(page, "x")
    for _ in range(10):
        page.clock.run_for(30_000)
    seconds = float(page.locator("[data-active-time]").input_value())
    assert 50 <= seconds <= 70


def test_time_spent_reading_is_on_the_server_after_a_minute_and_after_leaving(page: Page) -> None:
    page.clock.install()
    start_writing(page)
    work = Assignment.objects.get()
    Assignment.objects.update(claimed_at=work.claimed_at - timedelta(hours=1))  # the page's minutes pass in a moment
    for _ in range(9):
        page.mouse.move(50, 50)
        page.clock.run_for(10_000)
    until(page, lambda: 55 <= seconds_of(work) <= 70)
    page.mouse.move(60, 60)
    page.clock.run_for(20_000)
    WorkingTime.objects.update(reported_at=work.claimed_at - timedelta(minutes=30))
    page.goto("/")
    until(page, lambda: seconds_of(work) >= 105)
    page.goto(f"/work/{work.token}/")
    assert float(page.locator("[data-active-time]").get_attribute("data-before") or 0) == seconds_of(work)
    expect(page.locator("[data-active-shown]")).to_have_text(re.compile(r"1:(49|50|51)"))


def seconds_of(work: Assignment) -> float:
    return sum(WorkingTime.objects.filter(token=work.token).values_list("seconds", flat=True))


def test_the_length_is_in_words_or_in_characters(page: Page) -> None:
    start_writing(page)
    write(page, "Two words.")
    expect(page.locator("[data-length-of]")).to_have_text("Words: 2 · characters: 10")
    write(page, "word " * 1000)
    expect(page.locator("[data-length-of]")).to_have_text("Words: 1,000 · characters: 5,000")
    page.locator("[data-length-of]").evaluate("counter => (counter.dataset.language = 'zh')")
    write(page, "两个字。")
    expect(page.locator("[data-length-of]")).to_have_text("Characters: 4")


def test_an_empty_queue_looks_again_by_itself(page: Page) -> None:
    page.clock.install()
    make_campaign()
    page.goto("/next/ranking/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing to rank right now")
    make_ready_task(make_prompt(make_campaign()))
    page.clock.run_for(16_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("There is work for you")
    page.get_by_role("button", name="Start ranking").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rank 4 completions")


def test_a_whole_ranking_works_without_scripts(browser: Browser, live_server: LiveServer, alice: Labeler) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False, locale="en")
    page = log_in(context.new_page())
    start_ranking(page)
    for position in (1, 2, 3, 4):
        page.locator(f"label:has([name='{position}-quality'][value='4'])").click()
    page.get_by_role("button", name="Submit ranking").click()
    expect(page.get_by_role("alert").first).to_contain_text("Still without a rank")
    for position in (1, 2, 3, 4):
        expect(page.locator(f"input[name='{position}-quality'][value='4']")).to_be_checked()
        page.locator(f"label:has([name='{position}-rank'][value='1'])").click()
    page.get_by_role("button", name="Submit ranking").click()
    expect(page.get_by_role("status").first).to_contain_text("Ranking saved")
    assert alice.rankings.get().ranked_completions.filter(rank=1).count() == 4
    context.close()


@pytest.mark.parametrize("width", [360, 768, 1440, 2560])
def test_no_page_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    prompt = make_prompt(make_campaign(name="A campaign with a rather long name"), text="W" * 300)
    make_ready_task(
        prompt, texts=["x" * 400, "```\n" + "y" * 400 + "\n```", "| a |\n|---|\n| " + "z" * 300 + " |", "长" * 300]
    )
    page.goto("/")
    assert fits(page)
    page.get_by_role("button", name="Start ranking").click()
    page.wait_for_load_state()
    assert fits(page)
    page.goto("/history/")
    assert fits(page)
