"""The flow of a labeler's day in a real browser: instructions, warnings, pauses, keys, theme, day and preferences."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.base.states import ContentWarning
from labeling.campaigns.services.campaigns import publish_instructions
from labeling.campaigns.services.prompts import warn_of_content
from labeling.models import Assignment, Labeler
from tests.e2e.desk import scripts_listen, start_ranking, start_writing
from tests.labeling.cast import make_campaign, make_prompt

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]


@pytest.fixture
def context(browser: Browser, live_server: LiveServer, alice: Labeler) -> Iterator[BrowserContext]:
    opened = browser.new_context(
        base_url=live_server.url,
        viewport={"width": 1440, "height": 900},
        locale="en",
        timezone_id="Asia/Shanghai",
    )
    yield opened
    opened.close()


def begin(page: Page, button: str = "Start writing") -> None:
    page.goto("/")
    page.get_by_role("button", name=button).click()
    page.wait_for_url("**/work/**")  # which may be what stands before the work
    page.wait_for_load_state("networkidle")


def test_instructions_are_read_once_and_then_one_key_away(page: Page) -> None:
    campaign = make_campaign(read=False)
    make_prompt(campaign)
    begin(page)
    expect(page.get_by_role("heading", level=1).first).to_have_text("Before you start: the instructions")
    page.get_by_role("button", name="I have read this").press("Enter")
    scripts_listen(page)
    field = page.get_by_label("What the assistant should say")
    field.fill("i")
    expect(page.get_by_role("dialog", name="Instructions")).to_be_hidden()
    field.blur()
    page.keyboard.press("i")
    drawer = page.get_by_role("dialog", name="Instructions")
    expect(drawer).to_contain_text("Be helpful")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(field).to_have_value("i")


def test_a_changed_version_does_not_touch_the_work_that_is_held(page: Page) -> None:
    campaign = make_campaign()
    make_prompt(campaign)
    make_prompt(campaign)
    begin(page)
    page.get_by_label("What the assistant should say").fill("Under the first version.")
    publish_instructions(campaign=campaign, body={"en": "# Be helpful\n\nNever guess."})
    page.reload()
    expect(page.get_by_label("What the assistant should say")).to_have_value("Under the first version.")
    page.get_by_role("button", name="Submit demonstration").click()
    expect(page.get_by_role("heading", level=1).first).to_have_text("The instructions have changed")
    expect(page.locator("ins")).to_have_text("Never guess.")
    page.get_by_role("button", name="I have read this").click()
    expect(page.get_by_label("What the assistant should say")).to_have_value("")


def test_a_warning_is_shown_before_the_content_and_no_key_that_is_still_down_shows_it(page: Page) -> None:
    prompt = make_prompt(make_campaign(), text="A story of a battle")
    warn_of_content(prompt=prompt, warnings=[ContentWarning.VIOLENCE])
    begin(page)
    expect(page.get_by_role("main")).to_contain_text("Violence")
    expect(page.get_by_role("main")).not_to_contain_text("A story of a battle")
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    expect(page.get_by_role("main")).not_to_contain_text("A story of a battle")
    page.goto("/")
    expect(page.get_by_role("main")).to_contain_text("With a content warning")
    expect(page.get_by_role("main")).not_to_contain_text("A story of a battle")
    page.get_by_role("link", name="Continue writing").click()
    page.get_by_role("link", name="Show the task").press("Enter")
    expect(page.get_by_role("main")).to_contain_text("A story of a battle")


def test_a_pause_stops_the_clock_and_veils_the_work(page: Page) -> None:
    page.clock.install()
    start_writing(page)
    Assignment.objects.update(expires_at=Assignment.objects.get().claimed_at)
    page.mouse.move(50, 50)
    page.clock.run_for(5_000)
    before = float(page.locator("[data-active-time]").input_value())
    assert before >= 4
    page.keyboard.press(".")
    expect(page.get_by_role("dialog", name="Paused")).to_be_visible()
    for _ in range(3):
        page.mouse.move(60, 60)
        page.clock.run_for(20_000)
    assert float(page.locator("[data-active-time]").input_value()) <= before + 1
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("dialog", name="Paused")).to_be_hidden()
    page.clock.run_for(3_000)
    assert float(page.locator("[data-active-time]").input_value()) > before + 1
    held = Assignment.objects.get()
    assert held.expires_at > held.claimed_at, "the pause did not keep the lease"


def test_a_break_is_suggested_beside_the_work_and_can_wait(page: Page, alice: Labeler) -> None:
    alice.break_minutes = 1
    alice.save(update_fields=["break_minutes"])
    page.clock.install()
    start_writing(page)
    field = page.get_by_label("What the assistant should say")
    field.fill("On and on")
    for _ in range(4):
        page.mouse.move(50, 50)
        page.mouse.move(70, 70)
        page.clock.run_for(20_000)
    note = page.get_by_role("complementary", name="Break")
    expect(note).to_contain_text("You have been at work for 1 minutes")
    note_box, field_box = note.bounding_box(), page.locator(".under-editor").bounding_box()
    assert note_box
    assert field_box
    assert field_box["y"] + field_box["height"] <= note_box["y"], "it lies over the work"
    field.press_sequentially(" and on")  # it is in nobody's way
    expect(field).to_have_value("On and on and on")
    note.get_by_role("button", name="Later").click()
    expect(note).to_be_hidden()


def test_the_key_s_skips_with_a_reason_and_a_note(page: Page) -> None:
    start_ranking(page)
    page.keyboard.press("s")
    page.get_by_label("No expertise").check()
    page.get_by_label("Anything to add? (optional)").fill("It is about tax law.")
    page.get_by_role("button", name="Skip this task").press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Skipped")
    skipped = Assignment.objects.get()
    assert (skipped.skip_reason, skipped.skip_note) == ("no_expertise", "It is about tax law.")


def test_the_theme_is_kept_without_a_flash(page: Page) -> None:
    page.goto("/")
    page.locator(".menu summary").click()
    page.get_by_text("Dark", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    html = page.request.get("/").text()
    assert 'data-theme="dark"' in html.split("<head>")[0]
    page.reload()
    page.locator(".menu summary").click()
    page.get_by_text("System", exact=True).click()
    assert "data-theme" not in page.request.get("/").text().split("<head>")[0]


def test_preferences_offer_the_browsers_time_zone(page: Page, alice: Labeler) -> None:
    page.goto("/preferences/")
    page.get_by_role("button", name="Use this browser’s: Asia/Shanghai").click()
    page.get_by_label("Violence").check()
    page.get_by_label("Suggest a break").fill("0")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Your preferences are saved")
    alice.refresh_from_db()
    assert (alice.time_zone, alice.break_minutes, alice.opt_outs) == ("Asia/Shanghai", 0, ["violence"])


def test_the_keys_are_on_every_page(page: Page) -> None:
    for path in ("/", "/day/", "/history/", "/preferences/"):
        page.goto(path)
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        page.keyboard.press("Escape")
