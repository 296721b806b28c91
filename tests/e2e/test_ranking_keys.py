"""A ranking with the keyboard alone: rated, refined, flagged, taken back and handed in."""

import pytest
from playwright.sync_api import Page, expect

from labeling.campaigns.services.starter import starter_flags
from labeling.models import Labeler
from tests.e2e.desk import start_ranking, tiers_shown

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def announced(page: Page, words: str) -> None:
    expect(page.locator("[data-announce]")).to_contain_text(words)


def focused(page: Page, letter: str) -> None:
    expect(page.locator(f"[data-card={letter}]")).to_be_focused()


def ranks_of(labeler: Labeler) -> list[int]:
    return [each.rank for each in labeler.rankings.get().ranked_completions.order_by("shown_position")]


def test_nine_completions_are_rated_and_ranked_with_ties_by_ten_keys(page: Page, alice: Labeler) -> None:
    start_ranking(page, k=9)
    press(page, *"765432177")
    assert tiers_shown(page) == ["AHI", "B", "C", "D", "E", "F", "G"]
    announced(page, "follows your ratings")
    press(page, "Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("Ranking saved · 1 today")
    assert ranks_of(alice) == [1, 2, 3, 4, 5, 6, 7, 1, 1]
    qualities = [each.quality for each in alice.rankings.get().ranked_completions.order_by("shown_position")]
    assert qualities == [7, 6, 5, 4, 3, 2, 1, 7, 7]


def test_nine_completions_are_refined_flagged_and_handed_in_without_a_mouse(page: Page, alice: Labeler) -> None:
    start_ranking(page, k=9, flags=starter_flags())
    press(page, *"765432165")
    assert tiers_shown(page) == ["A", "BH", "CI", "D", "E", "F", "G"]
    focused(page, "I")
    press(page, "Shift+ArrowUp")  # out of its tie with C
    assert tiers_shown(page) == ["A", "BH", "I", "C", "D", "E", "F", "G"]
    announced(page, "I moved: Rank 3")
    press(page, "t")  # with B and H
    assert tiers_shown(page) == ["A", "BHI", "C", "D", "E", "F", "G"]
    announced(page, "Rank 2, tied with B, H")
    press(page, "ArrowLeft", "u")  # H leaves the tie
    assert tiers_shown(page) == ["A", "BI", "H", "C", "D", "E", "F", "G"]
    press(page, "j")
    assert tiers_shown(page) == ["A", "BI", "C", "H", "D", "E", "F", "G"]
    press(page, "k", "k", "k", "k")
    assert tiers_shown(page) == ["H", "A", "BI", "C", "D", "E", "F", "G"]
    announced(page, "H stays: Rank 1")
    press(page, "Shift+Digit4")
    assert tiers_shown(page) == ["A", "BI", "CH", "D", "E", "F", "G"]  # into the tier that was the fourth
    press(page, "a")
    announced(page, "Fails the task set on H")
    press(page, "n")
    page.keyboard.type("Fails badly. 1984?")
    press(page, "Escape", "x", "Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("Ranking saved")
    ranking = alice.rankings.get()
    eighth = ranking.ranked_completions.get(shown_position=8)
    assert (eighth.flags, eighth.note, eighth.quality) == (["fails_task"], "Fails badly. 1984?", 6)
    assert ranking.none_acceptable


def test_every_step_can_be_taken_back(page: Page) -> None:
    start_ranking(page)
    press(page, *"4321")
    press(page, "Shift+ArrowUp", "t", "4")
    assert tiers_shown(page) == ["A", "BD", "C"]
    press(page, "z")
    expect(page.locator("input[name='4-quality'][value='1']")).to_be_checked()
    press(page, "z")
    assert tiers_shown(page) == ["A", "B", "D", "C"]
    press(page, "z")
    assert tiers_shown(page) == ["A", "B", "C", "D"]
    press(page, "z")
    assert tiers_shown(page) == ["?ABCD"]
    press(page, "z", "z", "z")
    assert page.locator("[data-cards] input:checked").count() == 0
    press(page, "z")
    announced(page, "nothing to undo")


def test_the_order_follows_the_ratings_until_it_is_refined_and_again_on_request(page: Page) -> None:
    start_ranking(page)
    press(page, *"4321")
    press(page, "7")
    assert tiers_shown(page) == ["D", "A", "B", "C"]
    press(page, "j", "1")
    assert tiers_shown(page) == ["A", "D", "B", "C"]
    press(page, "=")
    assert tiers_shown(page) == ["A", "B", "C", "D"]
    announced(page, "follows your ratings")


def test_a_contradiction_is_shown_gently_and_keeps_nobody_from_submitting(page: Page, alice: Labeler) -> None:
    start_ranking(page)
    objections = page.locator("[data-contradictions]")
    press(page, *"4321")
    expect(objections).to_be_empty()
    press(page, "k")
    expect(objections).to_have_text("D is ranked above C, but rated lower (1 < 2).")
    press(page, "k", "k")
    expect(objections).to_contain_text("And 1 more.")
    press(page, "Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("Ranking saved")
    assert ranks_of(alice) == [2, 3, 4, 1]


def test_nothing_is_ranked_until_somebody_ranks_it(page: Page, alice: Labeler) -> None:
    start_ranking(page)
    assert tiers_shown(page) == ["?ABCD"]
    refused(page)
    press(page, "3", "3", "3")
    assert tiers_shown(page) == ["?ABCD"]
    refused(page)
    assert not alice.rankings.exists()
    press(page, "Escape")
    page.locator("[data-card=D]").focus()
    press(page, "3")
    assert tiers_shown(page) == ["ABCD"]


def refused(page: Page) -> None:
    """An answer of its own: until it is there, the page takes no keys."""
    page.evaluate("document.querySelectorAll('[role=alert]').forEach(alert => { alert.dataset.earlier = '' })")
    press(page, "Control+Enter")
    expect(page.locator("[role=alert]:not([data-earlier])").first).to_contain_text("Still without a rank")


def test_a_completion_can_be_ranked_before_it_is_rated(page: Page) -> None:
    start_ranking(page)
    page.locator("[data-card=C]").focus()
    press(page, "k", "ArrowLeft", "k", "t")
    assert tiers_shown(page) == ["BC", "?AD"]
    expect(page.locator("[data-card=B] [data-standing]")).to_have_text("Rank 1 = C")
    expect(page.locator("[data-progress-text]")).to_have_text("0 of 4 rated")


def test_shift_and_a_digit_rank_one_after_the_other(page: Page) -> None:
    start_ranking(page)
    press(page, "Shift+Digit2", "Shift+Digit4", "Shift+Digit1")
    assert tiers_shown(page) == ["C", "A", "B", "?D"]
    focused(page, "D")
    press(page, "Shift+Digit2")
    assert tiers_shown(page) == ["C", "AD", "B"]
    announced(page, "D moved: Rank 2, tied with A")
    press(page, "z")
    assert tiers_shown(page) == ["C", "A", "B", "?D"]


def test_a_reload_brings_tiers_and_flags_back(page: Page) -> None:
    start_ranking(page)
    press(page, *"4321", "k", "b")
    expected = ["A", "B", "D", "C"]
    assert tiers_shown(page) == expected
    expect(page.locator("[data-save-text]")).to_contain_text("Saved")
    page.reload()
    assert tiers_shown(page) == expected
    expect(page.locator("[data-card=D] [data-flag-count]")).to_have_text("1")
    page.locator("[data-card=A]").focus()
    press(page, "1")  # what was refined before the reload stays refined
    assert tiers_shown(page) == expected


def test_the_keys_of_the_flags_are_on_them_and_the_question_mark_shows_the_others(page: Page) -> None:
    start_ranking(page)
    press(page, "f")
    expect(page.locator("[data-card=A] [data-flags]")).to_have_attribute("open", "")
    expect(page.locator("[data-card=A] label", has_text="Hallucination").locator("kbd")).to_have_text("B")
    press(page, "b")
    expect(page.locator("[data-card=A]").get_by_label("Hallucination")).to_be_checked()
    press(page, "Escape", "?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Undo the last step")


def test_keys_work_where_the_layout_has_another_script(page: Page) -> None:
    start_ranking(page)
    press(page, *"4321")
    page.locator("[data-card=D]").dispatch_event("keydown", {"key": "л", "code": "KeyK", "bubbles": True})
    assert tiers_shown(page) == ["A", "B", "D", "C"]


def test_how_much_better_is_asked_for_the_steps_that_there_are(page: Page, alice: Labeler) -> None:
    start_ranking(page, ask_strength=True)
    section = page.locator("[data-strengths]")
    expect(section).to_be_hidden()
    press(page, *"4431")
    expect(section.locator("fieldset:visible")).to_have_count(2)
    expect(section.locator("fieldset").first).to_contain_text("Rank 1 over rank 2 · A = B > C")
    press(page, "0", "1", "4")
    expect(page.locator("input[name='strength-1'][value='4']")).to_be_checked()
    expect(page.locator("input[name='strength-2'][value='1']")).to_be_checked()
    page.locator("[data-card=D]").focus()
    press(page, "t")  # C and D: the step between them has gone, and the one above is another
    expect(section.locator("fieldset:visible")).to_have_count(1)
    expect(section.locator("input:checked")).to_have_count(0)
    press(page, "z")
    expect(section.locator("input:checked")).to_have_count(2)
    press(page, "Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("Ranking saved")
    assert alice.rankings.get().strengths == [4, 1]


def test_the_prompt_and_the_reasons_for_skipping_have_keys(page: Page) -> None:
    start_ranking(page)
    press(page, "p")
    expect(page.get_by_role("region", name="Prompt")).to_be_focused()
    press(page, "s")
    expect(page.get_by_label("Unclear")).to_be_focused()
