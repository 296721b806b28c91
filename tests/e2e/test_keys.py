"""Keys that do what was meant, and nothing else: on other layouts, while somebody composes, and when they are held."""

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Assignment, Labeler, Ranking
from tests.e2e.desk import start_ranking, tiers_shown
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def type_as(page: Page, key: str, code: str) -> None:
    """As on a layout on which the key at the place `code` types `key`."""
    page.evaluate(
        """([key, code]) => document.activeElement.dispatchEvent(
          new KeyboardEvent("keydown", { key, code, bubbles: true, cancelable: true }))""",
        [key, code],
    )


def hold(page: Page, key: str, *, times: int = 6) -> None:
    for _ in range(times):
        page.keyboard.down(key)
    page.keyboard.up(key)


def chosen(page: Page, name: str) -> str | None:
    found = page.locator(f"input[name='{name}']:checked")
    return found.get_attribute("value") if found.count() else None


def test_other_layouts_rate_flag_answer_and_undo(page: Page) -> None:
    start_ranking(page, ask_strength=True)
    for key, code in (("'", "Digit4"), ("۴", "Digit4"), ("3", "Digit3"), ("&", "Digit1")):
        type_as(page, key, code)
    assert tiers_shown(page) == ["AB", "C", "D"]
    type_as(page, "à", "Digit0")  # how much better
    type_as(page, "&", "Digit1")
    type_as(page, "۴", "Digit4")
    assert [chosen(page, "strength-1"), chosen(page, "strength-2")] == ["4", "1"]
    type_as(page, "(", "Digit5")  # no answer to that, and no rating either
    assert [chosen(page, f"{position}-quality") for position in (1, 2, 3, 4)] == ["4", "4", "3", "1"]
    page.locator("[data-card=B]").focus()
    type_as(page, "я", "KeyZ")  # takes the last answer back, and no more
    assert [chosen(page, "strength-1"), chosen(page, "strength-2")] == ["4", None]
    type_as(page, "и", "KeyB")
    chips = page.locator("[data-card=B] [data-flag-chips]")
    expect(chips).to_have_text("Hallucination")
    press(page, "x")
    expect(page.get_by_label("None of them is acceptable")).to_be_checked()
    type_as(page, "ظ", "KeyZ")
    expect(page.get_by_label("None of them is acceptable")).not_to_be_checked()
    expect(chips).to_be_visible()
    press(page, "z")
    expect(chips).to_be_hidden()
    expect(page.locator("[data-card=B]").get_by_label("Hallucination")).not_to_be_checked()
    assert tiers_shown(page) == ["AB", "C", "D"]


def test_nothing_is_handed_in_or_left_while_somebody_composes(page: Page, alice: Labeler) -> None:
    start_ranking(page)
    press(page, *"4321", "n")
    note = page.get_by_label("Note · D")
    expect(note).to_be_focused()
    composing = page.context.new_cdp_session(page)
    for key in ("Escape", "Control+Enter"):
        composing.send("Input.imeSetComposition", {"text": "ni", "selectionStart": 2, "selectionEnd": 2})
        press(page, key)
        expect(note).to_be_focused()
    composing.send("Input.insertText", {"text": "你好"})
    expect(page.get_by_role("heading", level=1)).to_have_text("Rank 4 completions")
    assert not Ranking.objects.exists()
    press(page, "Control+Enter")  # composed
    expect(page.get_by_role("status").first).to_contain_text("Ranking saved")
    assert alice.rankings.get().ranked_completions.get(shown_position=4).note.endswith("你好")


def test_a_held_key_counts_once(page: Page, alice: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign()))
    start_ranking(page)
    hold(page, "5")
    expect(page.locator(".card.is-rated")).to_have_count(1)
    press(page, "d")
    expect(page.get_by_role("dialog", name="B or A: which is better?")).to_be_visible()
    hold(page, "ArrowLeft")
    expect(page.get_by_role("dialog")).to_contain_text("Question 2")
    press(page, "Escape", "4", "3", "2")
    page.keyboard.down("Control")
    hold(page, "Enter", times=2)
    expect(page.get_by_role("status").first).to_contain_text("Ranking saved")
    hold_on_next_page(page)
    page.keyboard.up("Control")
    expect(page.get_by_role("alert").filter(has_text="Not submitted yet")).to_have_count(0)
    assert alice.rankings.count() == 1


def hold_on_next_page(page: Page) -> None:
    """The key that handed the last one in is still down."""
    page.evaluate(
        """() => { for (let i = 0; i < 5; i += 1) (document.activeElement ?? document.body).dispatchEvent(
          new KeyboardEvent("keydown", { key: "Enter", code: "Enter", ctrlKey: true, repeat: true, bubbles: true }))}"""
    )
    page.wait_for_timeout(300)


def test_enter_hands_nothing_in_that_was_not_meant(page: Page, alice: Labeler) -> None:
    start_ranking(page)
    for position in (1, 2, 3, 4):
        page.locator(f"label:has([name='{position}-quality'][value='4'])").click()
    press(page, "Enter")  # the last radio button has the focus
    press(page, "Escape", "s")
    expect(page.get_by_label("Unclear")).to_be_focused()
    press(page, "Enter", "Control+Enter")  # of the panel, which asks for a reason
    expect(page.get_by_role("alert").first).to_contain_text("Choose a reason for skipping")
    assert not Ranking.objects.exists()
    page.get_by_label("Broken").focus()
    press(page, "Space", "Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("Skipped")
    assert (Assignment.objects.get().state, Ranking.objects.count()) == ("skipped", 0)
