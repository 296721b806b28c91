"""What the ranking page says of the work: what is still to do, what may be a slip, and what was handed in."""

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Labeler
from tests.e2e.desk import held_back, scripts_listen, start_ranking, tiers_shown
from tests.labeling.cast import make_prompt, make_ready_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def submit(page: Page) -> None:
    page.locator(".bar > button[type=submit]").first.click()


def test_what_is_mended_leaves_the_list_of_what_is_to_do(page: Page) -> None:
    start_ranking(page, ask_strength=True)
    press(page, "7", "6")
    submit(page)
    problems = page.locator("[data-problems]")
    expect(problems.get_by_role("link", name="C", exact=True).first).to_be_visible()
    unrated = problems.locator("li").first
    assert unrated.get_by_role("link").all_inner_texts() == ["C", "D"]
    page.locator("[data-card=C] input[name$=-quality]").nth(3).check()
    expect(unrated.get_by_role("link")).to_have_text(["D"])
    expect(problems).to_be_visible()
    page.locator("[data-card=D] input[name$=-quality]").nth(1).check()
    expect(problems).to_be_hidden()
    submit(page)  # now the strengths are missing, and are named as the page names them
    expect(problems.get_by_role("link", name="Rank 1 over rank 2")).to_be_visible()
    problems.get_by_role("link", name="Rank 1 over rank 2").click()
    expect(page.locator("#strength-1")).to_be_in_viewport()


def test_slips_are_remarked_once_each_and_hinder_nothing(page: Page) -> None:
    start_ranking(page)
    remarks = page.locator("[data-contradictions]")
    press(page, "6", "6", "6", "6")
    expect(remarks).to_have_text("All are tied: this says of none that it is better.")
    press(page, "x")
    expect(remarks).to_contain_text("None is acceptable, you say, yet A is rated 6.")
    press(page, "x")
    page.locator("[data-card=A]").focus()
    press(page, "Shift+1")
    page.locator("[data-card=B]").focus()
    press(page, "Shift+2")
    expect(remarks).to_contain_text("with the same rating.")
    assert str(remarks.inner_text()).count("with the same rating.") == 1
    page.locator("[data-card=C] input[name$=-quality]").nth(0).check()
    expect(remarks).to_contain_text("tied with unequal ratings.")
    submit(page)
    expect(page).not_to_have_url(page.url)


def test_dropped_to_the_left_of_rank_one_it_is_first(page: Page) -> None:
    start_ranking(page)
    press(page, "7", "5", "3", "1")
    chip = page.locator("[data-chip=D]").bounding_box()
    first = page.locator("[data-tiers] li").first.bounding_box()
    assert chip is not None
    assert first is not None
    page.mouse.move(chip["x"] + 8, chip["y"] + 8)
    page.mouse.down()
    page.mouse.move(first["x"] - 12, first["y"] + 10, steps=8)
    page.mouse.up()
    assert tiers_shown(page) == ["D", "A", "B", "C"]


def test_what_was_handed_in_is_said_without_moving_anything_and_revised_by_one_key(page: Page, alice: Labeler) -> None:
    first = start_ranking(page)
    make_ready_task(make_prompt(first.campaign))
    at_first = page.locator("[data-card=A]").bounding_box()
    sending = held_back(page, "**/submit/**")
    press(page, "7", "5", "3", "1")
    submit(page)
    expect(page.locator(".bar > button[type=submit]").first).to_have_attribute("aria-busy", "true")
    expect(page.locator("[data-save-text]")).to_have_text("Submitting…")
    sending[0].continue_()
    page.unroute("**/submit/**")
    said = page.locator(".message")
    expect(said).to_contain_text("Ranking saved")
    scripts_listen(page)
    assert page.locator("[data-card=A]").bounding_box() == at_first
    token = str(alice.assignments.get(task=first).token)
    press(page, "Backspace")
    page.wait_for_url("**/revise/**")
    assert str(alice.assignments.get(task=first).revisions.get().token) in page.url
    assert token
    page.go_back()
    scripts_listen(page)


def test_a_first_rating_takes_the_message_away(page: Page) -> None:
    first = start_ranking(page)
    make_ready_task(make_prompt(first.campaign))
    press(page, "7", "5", "3", "1")
    submit(page)
    said = page.locator(".message")
    expect(said).to_contain_text("Ranking saved")
    scripts_listen(page)
    press(page, "4")
    expect(said).to_be_hidden()


def test_a_refusal_for_want_of_a_connection_stays(page: Page) -> None:
    start_ranking(page)
    press(page, "7", "5", "3", "1")
    page.wait_for_timeout(1_000)
    page.context.set_offline(True)
    submit(page)
    state = page.locator("[data-save-text]")
    expect(state).to_contain_text("can’t be submitted without a connection")
    press(page, "2")
    page.wait_for_timeout(2_500)  # the save that fails meanwhile says less
    expect(state).to_contain_text("can’t be submitted without a connection")
    page.context.set_offline(False)
    expect(state).to_contain_text("Saved on the server")


def test_instructions_open_beside_the_cards_and_the_work_goes_on(page: Page) -> None:
    start_ranking(page)
    press(page, "i")
    drawer = page.get_by_role("dialog", name="Instructions")
    expect(drawer).to_be_visible()
    over, card = drawer.bounding_box(), page.locator("[data-card=A]").bounding_box()
    assert over is not None
    assert card is not None
    assert over["x"] + over["width"] <= card["x"]
    press(page, "7")
    expect(page.locator("[data-card=A]")).to_have_class("card is-rated")
    press(page, "Escape")
    expect(drawer).to_be_hidden()
