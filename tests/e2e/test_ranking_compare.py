"""Two completions side by side: what differs is marked, rendered and raw, and work goes on there."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.desk import letters_by_text, serious, start_ranking, tiers_shown, until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WORDS = [f"word{number}" for number in range(5_000)]
CHANGED = [word if number % 5 else f"new{number}" for number, word in enumerate(WORDS)]


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def compare(page: Page, one: str, other: str) -> None:
    """Opens the comparison of the texts that begin so, the first on the left."""
    letters = letters_by_text(page)
    left, right = (next(letter for text, letter in letters.items() if text.startswith(name)) for name in (one, other))
    page.locator(f"[data-card={left}]").focus()
    press(page, "c")
    page.locator("[data-compare] select").last.select_option(right)


def marks_of(page: Page, side: int) -> list[str]:
    return page.locator("[data-side-text]").nth(side).locator("mark").all_inner_texts()


def test_each_of_a_thousand_differences_is_found_in_five_thousand_words(page: Page) -> None:
    start_ranking(page, texts=[" ".join(WORDS), " ".join(CHANGED), "Short.", "Sho."])
    compare(page, "word0", "new0")
    expect(page.locator("[data-side-text]").first.locator("mark")).to_have_count(1_000)
    assert marks_of(page, 1)[:2] == ["new0", "new5"]
    expect(page.locator("[data-same]")).to_be_empty()


def test_what_is_drawn_and_what_was_written_are_compared_alike(page: Page) -> None:
    texts = [
        "# Plan\n\nUse the **left** path.\n\n| a | b |\n|---|---|\n| 1 | two |\n\n\\(x + 1\\) holds.",
        "# Plan\n\nUse the **right** path.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n\\(x + 2\\) holds.",
        "Short.",
        "Sho.",
    ]
    start_ranking(page, texts=texts)
    compare(page, "Plan\n\nUse the left", "Plan\n\nUse the right")
    left = page.locator("[data-side-text]").first
    assert [text for text in marks_of(page, 0) if text.isalpha()] == ["left", "two"]
    expect(left.locator("mark math")).to_have_count(1)
    expect(left.locator("strong mark")).to_have_text("left")
    press(page, "r")
    expect(left).to_contain_text("**left**")
    assert [mark[:4] for mark in marks_of(page, 0)] == ["left", "two "]
    press(page, "m")
    assert left.locator("mark").first.evaluate("mark => getComputedStyle(mark).borderBottomWidth") == "0px"
    assert serious(page) == []
    press(page, "m", "r", "Escape")


def test_what_reads_the_same_is_said_to_differ_in_what_is_not_shown(page: Page) -> None:
    start_ranking(page, texts=["one **strong** word", "one __strong__ word", "Short.", "Sho."])
    cards = page.locator("[data-card]", has_text="one strong word").all()
    alike = [str(card.get_attribute("data-card")) for card in cards]
    page.locator(f"[data-card={alike[0]}]").focus()
    press(page, "c")
    page.locator("[data-compare] select").last.select_option(alike[1])
    expect(page.locator("[data-same]")).to_contain_text("Their words are the same")
    expect(page.locator("[data-compare] mark")).to_have_count(0)
    press(page, "r")
    expect(page.locator("[data-compare] mark")).not_to_have_count(0)
    expect(page.locator("[data-same]")).to_be_empty()


def test_both_texts_scroll_together_and_rating_and_moving_work_there(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    start_ranking(page, texts=["One. " * 2_000, "Two. " * 2_000, "Three.", "Four."])
    compare(page, "One.", "Two.")
    left = str(page.locator("[data-compare] select").first.input_value())
    right = str(page.locator("[data-compare] select").last.input_value())
    press(page, "PageDown", "PageDown")
    # the other side follows when the browser has told of the first one's scrolling
    page.wait_for_function(
        """() => {
            const [left, right] = [...document.querySelectorAll("[data-side-text]")].map(
                (pane) => pane.scrollTop / (pane.scrollHeight - pane.clientHeight));
            return Math.min(left, right) > 0.1 && Math.abs(left - right) < 0.02;
        }"""
    )
    press(page, "End")
    expect(page.locator("[data-compare]")).to_be_visible()
    # The right side was chosen last, so it is rated; then the other.
    press(page, "6", "o", "3")
    assert page.locator(f"[data-card={right}] input[name$=-quality]:checked").input_value() == "6"
    assert page.locator(f"[data-card={left}] input[name$=-quality]:checked").input_value() == "3"
    page.locator("[data-side]").last.locator("[data-rate='7']").click()
    assert page.locator(f"[data-card={right}] input[name$=-quality]:checked").input_value() == "7"
    press(page, "Shift+ArrowUp")
    assert tiers_shown(page)[0] == right
    expect(page.locator("[data-side]").last.locator("[data-side-standing]")).to_contain_text("Rank 1")
    press(page, "Escape")
    expect(page.locator(f"[data-card={left}]")).to_be_focused()


def test_the_parts_that_match_are_seen_side_by_side(page: Page) -> None:
    """The right text has a long beginning of its own; by the share of their lengths the two would stand far apart."""
    end = "\n\n".join(f"Paragraph {number} says what both of them say at this place." for number in range(60))
    start_ranking(page, texts=["Left. " + end, "Right. " + "Only here. " * 3_000 + end, "Three.", "Four."])
    compare(page, "Left.", "Right.")
    left, right = page.locator("[data-side-text]").all()
    left.evaluate("pane => { pane.scrollTop = (pane.scrollHeight - pane.clientHeight) / 2 }")
    heights = "pane => [...pane.querySelectorAll('p')].at(-30).getBoundingClientRect().top"
    until(page, lambda: abs(left.evaluate(heights) - right.evaluate(heights)) < 40)
    press(page, "End")
    until(page, lambda: right.evaluate("pane => pane.scrollHeight - pane.clientHeight - pane.scrollTop") < 2)


def test_a_duel_scrolls_by_keyboard_and_the_space_bar_answers_nothing(page: Page) -> None:
    start_ranking(page, texts=["One. " * 2_000, "Two. " * 2_000, "Three. " * 2_000, "Four. " * 2_000])
    press(page, "d")
    expect(page.locator("[data-duel]")).to_be_visible()
    press(page, "PageDown")
    panes = page.locator("[data-duel-text]")
    down = [pane.evaluate("pane => pane.scrollTop") for pane in panes.all()]
    assert min(down) > 100
    press(page, "Space")
    assert panes.first.evaluate("pane => pane.scrollTop") > down[0] + 100
    press(page, "Shift+Space", "Shift+Space")
    assert panes.first.evaluate("pane => pane.scrollTop") == 0
    expect(page.locator("[data-duel-undo]")).to_be_disabled()  # nothing was answered
