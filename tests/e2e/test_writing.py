"""Writing an answer in a real browser: seen as it will be read, counted, and never cut."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Demonstration, Labeler, RankedCompletion
from tests.e2e.desk import log_in, says, scripts_listen, serious, start_ranking, start_writing
from tests.labeling.models_in_use import promoted
from tests.tiny_models import make_tiny_model

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def phone(browser: Browser, live_server: LiveServer, alice: Labeler) -> Iterator[BrowserContext]:
    opened = browser.new_context(base_url=live_server.url, viewport={"width": 360, "height": 740}, locale="en")
    yield opened
    opened.close()


def work_fits(page: Page) -> bool:
    return bool(page.evaluate("document.getElementById('main').scrollWidth <= innerWidth"))


def make_current(path: Path) -> None:
    promoted(make_tiny_model(path))


def test_the_text_is_seen_as_it_will_be_read_beside_it(page: Page) -> None:
    start_writing(page)
    expect(page.locator("#preview")).to_contain_text("What you write shows here")
    page.fill("#text", "# Tea\n\nA **leaf** in hot water.\n\n<b>no tag</b>")
    expect(page.locator("#preview h3")).to_have_text("Tea")
    expect(page.locator("#preview strong")).to_have_text("leaf")
    expect(page.locator("#preview")).to_contain_text("<b>no tag</b>")
    text, preview = page.locator("#text").bounding_box(), page.locator("#preview").bounding_box()
    assert text
    assert preview
    assert text["x"] + text["width"] <= preview["x"]
    expect(page.locator("#guidance-title")).to_be_visible()


def test_words_and_tokens_are_counted(page: Page, tmp_path: Path) -> None:
    make_current(tmp_path / "tiny")
    start_writing(page)
    page.fill("#text", "Don't boil it - ever.")
    length = page.locator(".length").first
    expect(length).to_contain_text("Words: 4")  # a dash is no word
    expect(length).to_contain_text("tokens: 21")  # the tiny model takes a byte for a token


def test_chinese_is_counted_in_characters_and_without_a_model_no_tokens_show(page: Page) -> None:
    start_writing(page, language="zh")
    page.fill("#text", "茶叶和热水。")
    expect(page.locator(".length").first).to_have_text("Characters: 6")
    expect(page.locator("[data-preview-text]")).to_have_text("茶叶和热水。")
    expect(page.locator("[data-tokens]")).to_have_text("")


def test_an_oversized_paste_is_kept_whole_and_not_handed_in(page: Page) -> None:
    start_writing(page)
    text = "tea " * 25_001
    page.locator("#text").evaluate(
        "(area, text) => { area.focus(); document.execCommand('insertText', false, text) }", text
    )
    expect(page.locator(".over")).to_contain_text("4 characters too many")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#text")).to_be_focused()
    assert page.locator("#text").input_value() == text
    assert not Demonstration.objects.exists()
    page.fill("#text", "tea")
    expect(page.locator(".over")).to_be_hidden()


def test_an_earlier_version_is_restored_and_meets_no_other_draft_of_the_same_page(page: Page) -> None:
    """Who leaves the field by the link to the earlier versions has changed nothing, or what is saved first."""
    start_writing(page)
    page.fill("#text", "A leaf in hot water.\nThen wait.")
    says(page, "Saved on the server")
    page.locator("#text").fill("Tea.")
    with page.expect_navigation():
        page.locator("[data-earlier]").click()
    page.get_by_role("button", name="Restore this version").first.click()
    scripts_listen(page)
    expect(page.locator("#text")).to_have_value("A leaf in hot water.\nThen wait.")
    expect(page.get_by_text("also changed in another tab")).to_be_hidden()
    says(page, "Saved on the server")
    page.locator("#text").focus()
    page.locator("#text").blur()
    assert page.evaluate("Object.keys(localStorage).filter((name) => name.includes('draft'))") == []


def test_keys_alone_write_look_and_hand_in(page: Page) -> None:
    start_writing(page)
    page.locator("#text").focus()
    page.keyboard.type("A leaf? Yes.")
    page.keyboard.press("Alt+p")
    expect(page.locator("#preview")).to_be_hidden()
    page.keyboard.press("Alt+p")
    expect(page.locator("#preview")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("#text").focus()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Demonstration saved")).to_be_visible()
    assert Demonstration.objects.get().text == "A leaf? Yes."


def test_whoever_hid_the_preview_finds_it_hidden_next_time(page: Page) -> None:
    start_writing(page)
    page.locator("[data-preview-toggle]").click()
    expect(page.locator("#preview")).to_be_hidden()
    page.reload()
    expect(page.locator("[data-preview-toggle]")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#preview")).to_be_hidden()


def test_on_a_phone_the_preview_stands_in_the_place_of_the_text(phone: BrowserContext) -> None:
    page = log_in(phone.new_page())
    start_writing(page)
    page.fill("#text", "A **leaf**.")
    expect(page.locator("#preview")).to_be_hidden()
    page.locator("[data-preview-toggle]").click()
    expect(page.locator("#preview strong")).to_have_text("leaf")
    expect(page.locator("#text")).to_be_hidden()
    assert work_fits(page)
    page.locator("[data-preview-toggle]").click()
    expect(page.locator("#text")).to_be_focused()


def test_the_preview_says_when_it_can_not_be_made_and_comes_back(page: Page) -> None:
    start_writing(page)
    page.route("**/preview/", lambda route: route.abort())
    page.fill("#text", "A leaf.")
    expect(page.locator("[data-preview-state]")).to_contain_text("continue writing")
    page.unroute("**/preview/")
    page.fill("#text", "A leaf!")
    expect(page.locator("[data-preview-text]")).to_have_text("A leaf!")
    expect(page.locator("[data-preview-state]")).to_be_hidden()


@pytest.mark.parametrize("width", [360, 1440])
def test_the_best_is_improved_after_a_ranking(page: Page, width: int) -> None:
    start_ranking(page, ask_edit=True)
    for number in (7, 5, 3, 1):
        page.keyboard.press(str(number))
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="Improve the best completion")).to_be_visible()
    page.set_viewport_size({"width": width, "height": 800})
    page.locator("#text").fill("A **better** answer.")
    expect(page.locator(".length").first).to_contain_text("Words: 3")
    expect(page.locator("[data-preview-text]")).to_contain_text("better", use_inner_text=False)
    assert serious(page) == []
    assert work_fits(page)
    page.locator("#text").press("Control+Enter")
    expect(page.get_by_text("Improvement saved.")).to_be_visible()
    assert Demonstration.objects.get().source == "edit"


def test_of_several_tied_bests_one_is_chosen_with_the_keyboard_and_changed_for_another(page: Page) -> None:
    start_ranking(page, ask_edit=True)
    for key in "7711":
        page.keyboard.press(key)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="Improve the best completion")).to_be_visible()
    expect(page.locator(".best article")).to_have_count(2)
    expect(page.locator("#text")).to_have_count(0)
    assert serious(page) == []
    page.get_by_role("link", name="Improve A").press("Enter")
    expect(page.locator("#original-title")).to_have_text("Completion A as it was")
    page.get_by_role("link", name="Choose another of the best").press("Enter")
    page.get_by_role("link", name="Improve B").press("Enter")
    expect(page.locator("#original-title")).to_have_text("Completion B as it was")
    page.locator("#text").fill("The second of the best, made better.")
    expect(page.locator("[data-save-text]")).to_contain_text("Saved on the server")
    page.goto(page.url.partition("?")[0])  # which one was chosen is part of the draft
    expect(page.locator("#text")).to_have_value("The second of the best, made better.")
    page.wait_for_load_state("networkidle")
    page.locator("#text").press("Control+Enter")
    expect(page.get_by_text("Improvement saved.")).to_be_visible()
    edited = RankedCompletion.objects.get(completion=Demonstration.objects.get().edited_completion)
    assert (edited.rank, edited.shown_position) == (1, 2)


def test_a_long_text_keeps_its_preview_and_its_length_in_view(page: Page) -> None:
    start_writing(page)
    page.fill("#text", "\n\n".join(f"Line {number}." for number in range(200)))
    expect(page.locator("#preview")).to_contain_text("Line 199.")
    page.locator("#text").press("Control+End")
    last, guidance = page.locator("#preview").get_by_text("Line 199."), page.locator("#guidance-title")
    for seen in (page.locator("[data-length-of]"), last, guidance):
        expect(seen).to_be_in_viewport()
    page.locator("#text").press("Control+Home")
    expect(page.locator("#preview").get_by_text("Line 0.")).to_be_in_viewport()
    page.fill("#text", "tea " * 25_001)
    expect(page.locator(".over")).to_be_in_viewport()
