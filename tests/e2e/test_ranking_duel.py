"""Duel mode: only the pairs that binary insertion needs, with undo, ending in the same tiers."""

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Assignment
from tests.e2e.desk import letters_by_text, serious, start_ranking, tiers_shown

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def answer(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_a_duel_is_fought_with_one_key_a_pair_and_ends_in_tiers(page: Page) -> None:
    start_ranking(page)
    answer(page, "d")
    stage = page.get_by_role("dialog", name="B or A: which is better?")
    expect(stage).to_be_visible()
    expect(stage).to_contain_text("Question 1 of at most 5")
    answer(page, "ArrowLeft")  # B before A
    expect(page.get_by_role("dialog", name="C or A: which is better?")).to_be_visible()
    answer(page, "ArrowDown")  # C like A
    expect(page.get_by_role("dialog", name="D or A = C: which is better?")).to_be_visible()
    answer(page, "z")
    expect(page.get_by_role("dialog", name="C or A: which is better?")).to_be_visible()
    answer(page, "ArrowDown", "ArrowRight")  # D after A and C
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert tiers_shown(page) == ["B", "AC", "D"]
    expect(page.locator("[data-announce]")).to_contain_text("The duels are done")
    answer(page, "z")
    assert tiers_shown(page) == ["?ABCD"]


def test_a_duel_that_was_left_goes_on_after_a_reload(page: Page) -> None:
    start_ranking(page)
    answer(page, "d")
    expect(page.get_by_role("dialog", name="B or A: which is better?")).to_be_visible()
    answer(page, "ArrowLeft", "Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert tiers_shown(page) == ["?ABCD"]
    expect(page.locator("[data-save-text]")).to_contain_text("Saved")
    assert Assignment.objects.get().draft["duel"] == ["<"]
    page.reload()
    answer(page, "d")
    expect(page.get_by_role("dialog", name="C or A: which is better?")).to_be_visible()


def test_a_duel_can_be_fought_with_the_mouse_and_shows_both_texts_and_the_prompt(page: Page) -> None:
    start_ranking(page, texts=["One.", "Two.", "Three.", "Four."], prompt={"text": "Which number?"})
    letters = {letter: text for text, letter in letters_by_text(page).items()}
    page.get_by_role("button", name="Duels").click()
    stage = page.get_by_role("dialog")
    expect(stage.get_by_role("region", name="B", exact=True)).to_have_text(letters["B"])
    expect(stage.get_by_role("region", name="A", exact=True)).to_have_text(letters["A"])
    expect(stage.get_by_role("button", name="Left is better")).to_be_visible()
    expect(page.get_by_role("region", name="Prompt")).to_contain_text("Which number?")
    assert serious(page) == []
    stage.get_by_role("button", name="Equally good").click()
    page.set_viewport_size({"width": 360, "height": 740})  # one above the other: there is no left
    expect(stage.get_by_role("button", name="Left is better")).to_be_hidden()
    expect(stage.get_by_role("button", name="Second is better")).to_be_visible()
    for _ in range(2):
        stage.get_by_role("button", name="Equally good").click()
    assert tiers_shown(page) == ["ABCD"]
