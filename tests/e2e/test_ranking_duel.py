"""Duel mode: only the pairs that binary insertion needs, with undo, ending in the same tiers."""

from math import ceil, log2
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Assignment
from tests.e2e.desk import board, letters_by_text, serious, start_ranking

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Runs the page's own module on every order of K cards by given strengths; returns what was asked for each card.
INSERT_ALL = """async ([address, rounds]) => {
  const { duel, BETTER, EQUAL, WORSE } = await import(address);
  return rounds.map((strengths) => {
    const letters = strengths.map((_, at) => "ABCDEFGHI"[at]);
    const strength = (letter) => strengths[letters.indexOf(letter)];
    let answers = "";
    const asked = {}, promised = [], tiersBefore = {};
    for (;;) {
      const { tiers, question, said, left } = duel(letters, answers);
      if (!question) return { tiers, asked, promised, total: said, tiersBefore };
      const { letter, against } = question;
      asked[letter] = (asked[letter] ?? 0) + 1;
      tiersBefore[letter] = tiers.length;
      promised.push(said + left);
      const [mine, theirs] = [strength(letter), strength(against[0])];
      answers += mine > theirs ? BETTER : mine === theirs ? EQUAL : WORSE;
    }
  });
}"""


def answer(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def in_tiers(strengths: list[int]) -> list[str]:
    return [
        "".join("ABCDEFGHI"[at] for at, each in enumerate(strengths) if each == level)
        for level in sorted(set(strengths), reverse=True)
    ]


def test_each_insertion_asks_at_most_the_logarithm_and_ends_in_the_right_tiers(page: Page) -> None:
    from random import Random

    chance = Random(7)
    rounds = [[chance.randint(1, spread) for _ in range(k)] for k in (1, 2, 4, 7, 9) for spread in (1, 3, 9) * 20]
    start_ranking(page)
    script = page.locator("script[src*='tiers.js']").get_attribute("src")
    assert script is not None
    found: list[dict[str, Any]] = page.evaluate(INSERT_ALL, [script.replace("tiers.js", "duel-order.js"), rounds])
    assert len(found) == len(rounds) == 300
    for strengths, result in zip(rounds, found, strict=True):
        assert ["".join(sorted(tier)) for tier in result["tiers"]] == in_tiers(strengths)
        for letter, questions in result["asked"].items():
            assert questions <= ceil(log2(result["tiersBefore"][letter] + 1))
        assert result["promised"] == sorted(result["promised"], reverse=True), "the promise never grows"
        assert result["total"] <= min(result["promised"], default=0)


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
    assert board(page) == ["B", "AC", "D"]
    expect(page.locator("[data-announce]")).to_contain_text("The duels are done")
    answer(page, "z")
    assert board(page) == ["?ABCD"]


def test_a_duel_that_was_left_goes_on_after_a_reload(page: Page) -> None:
    start_ranking(page)
    answer(page, "d")
    expect(page.get_by_role("dialog", name="B or A: which is better?")).to_be_visible()
    answer(page, "ArrowLeft", "Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert board(page) == ["?ABCD"]
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
    expect(stage.get_by_role("region", name="On the left")).to_have_text(letters["B"])
    expect(stage.get_by_role("region", name="On the right")).to_have_text(letters["A"])
    expect(page.get_by_role("region", name="Prompt")).to_contain_text("Which number?")
    assert serious(page) == []
    for _ in range(3):
        stage.get_by_role("button", name="Equally good").click()
    assert board(page) == ["ABCD"]
