"""What is read on the ranking page: whole texts, compared, raw, in any script, on any screen, and inert."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.e2e.desk import fits, letters_by_text, serious, start_ranking, tiers_shown

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SENTENCE = "The answer depends on what you want to reach, because every choice has a cost and some show only later. "
MID_SIZED = [f"{number}. {SENTENCE * 5}"[: 300 + 32 * number] for number in range(7)]  # 60 to 98 words
CHINESE = "雨后天空出现彩虹，是因为阳光进入小水滴，先折射，再反射，最后再次折射出来。"


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def in_view(page: Page) -> int:
    """How many completions can be read to the end as the page stands: below the header, above the bar."""
    top = page.locator(".header").bounding_box()
    bottom = page.locator(".bar").bounding_box()
    assert top is not None
    assert bottom is not None
    boxes = [box for text in page.locator("[data-card] .prose").all() if (box := text.bounding_box()) is not None]
    return sum(
        box["y"] >= top["y"] + top["height"] and box["y"] + box["height"] <= bottom["y"] and box["height"] > 100
        for box in boxes
    )


def test_six_of_seven_mid_sized_completions_are_read_without_scrolling(page: Page) -> None:
    assert all(55 <= len(text.split()) <= 100 for text in MID_SIZED)
    start_ranking(page, texts=MID_SIZED)
    assert page.viewport_size == {"width": 1440, "height": 900}
    assert page.evaluate("scrollY") == 0
    assert in_view(page) >= 6


def test_a_long_text_says_how_much_there_is_and_unfolds(page: Page) -> None:
    long = "x" * 500 + " " + "long " * 3_898 + "the end."
    assert len(long) == 19_999
    start_ranking(page, texts=[long + "!", "Short.", "Shorter.", "Sho."])
    letter = next(letter for text, letter in letters_by_text(page).items() if text.startswith("xxx"))
    card = page.locator(f"[data-card={letter}]")
    folded = card.bounding_box()
    unfold = card.get_by_role("button", name="Show all 20,000 characters")
    expect(unfold).to_be_visible()
    card.focus()
    press(page, "o")
    opened = card.bounding_box()
    assert folded is not None
    assert opened is not None
    assert folded["height"] < 700 < opened["height"]
    expect(card.get_by_role("button", name="Show less")).to_have_attribute("aria-expanded", "true")
    press(page, "o")
    expect(unfold).to_have_attribute("aria-expanded", "false")


def test_raw_text_is_one_key_away_for_one_and_for_all(page: Page) -> None:
    texts = ["**bold** of one", "**bold** of two", "**bold** of three", "**bold** of four"]
    start_ranking(page, texts=texts)
    press(page, "r")
    expect(page.locator("[data-card=A] .raw")).to_contain_text("**bold**")
    expect(page.locator("[data-card=A] .prose")).to_be_hidden()
    expect(page.locator("[data-card=B] .raw")).to_be_hidden()
    press(page, "r", "Shift+R")
    expect(page.locator("[data-card] .raw:visible")).to_have_count(4)
    expect(page.locator(".conversation .raw")).to_be_visible()
    press(page, "Shift+R")
    expect(page.locator(".raw:visible")).to_have_count(0)


def test_compare_marks_the_one_word_in_which_nine_completions_differ(page: Page) -> None:
    colours = ["red", "green", "blue", "grey", "black", "white", "brown", "pink", "gold"]
    start_ranking(page, texts=[f"{SENTENCE * 3}And the colour is {colour}, of course." for colour in colours])
    page.locator("[data-card=E]").focus()
    press(page, "c")
    dialog = page.get_by_role("dialog", name="Compare two completions")
    marks = dialog.locator("mark")
    expect(marks).to_have_count(2)
    assert set(marks.all_inner_texts()) <= set(colours)
    first = marks.nth(1).inner_text()
    press(page, "ArrowRight")
    expect(marks.nth(1)).not_to_have_text(first)
    assert serious(page) == []
    press(page, "Escape")
    expect(page.locator("[data-card=E]")).to_be_focused()


def test_compare_answers_to_keys_after_a_click_on_a_text_and_leaves_copying_alone(page: Page) -> None:
    start_ranking(page)
    press(page, "c")
    dialog = page.get_by_role("dialog", name="Compare two completions")
    dialog.locator("[data-side-text]").first.click()
    shown = dialog.locator("select").last
    before = shown.input_value()
    press(page, "ArrowRight", "Control+c")
    expect(dialog).to_be_visible()
    assert shown.input_value() != before
    press(page, "c")
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize("keys", ["c", "d"])
@pytest.mark.parametrize("leaving", ["same", "Escape"])
def test_the_key_after_leaving_a_dialog_is_for_the_card_already(page: Page, keys: str, leaving: str) -> None:
    """All in one task of the browser, as no hand could, but as a slow machine makes of quick hands."""
    start_ranking(page)
    press(page, keys)
    expect(page.locator("dialog[open]")).to_be_visible()
    page.evaluate(
        """(keys) => {
          for (const [key, code] of keys) {
            const event = { key, code, bubbles: true, cancelable: true };
            document.activeElement.dispatchEvent(new KeyboardEvent("keydown", event));
          }
        }""",
        [[keys if leaving == "same" else "Escape", ""], *([each, f"Digit{each}"] for each in "4321")],
    )
    expect(page.locator(".card.is-rated")).to_have_count(4)
    page.wait_for_timeout(50)  # what tells of the closing comes later
    expect(page.locator("[data-card=D]")).to_be_focused()


def test_compare_knows_chinese_words(page: Page) -> None:
    texts = [f"{CHINESE}所以我很{feeling}。" for feeling in ("高兴", "难过", "惊讶", "平静")]
    start_ranking(page, texts=texts, prompt={"text": "为什么会有彩虹？", "language": "zh"})
    press(page, "c")
    marks = page.get_by_role("dialog").locator("mark")
    expect(marks).to_have_count(2)
    assert set(marks.all_inner_texts()) <= {"高兴", "难过", "惊讶", "平静"}


def test_compare_of_texts_without_anything_in_common_and_of_twenty_thousand_characters(page: Page) -> None:
    words = [[f"{name}{number % 977}" for number in range(3_000)] for name in ("a", "b")]
    start_ranking(page, texts=[" ".join(words[0]), " ".join(words[1]), "Short.", "Sho."])
    letters = letters_by_text(page)
    one, other = (next(letter for text, letter in letters.items() if text.startswith(name)) for name in ("a0", "b0"))
    page.locator(f"[data-card={one}]").focus()
    press(page, "c")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("On the right", exact=True).select_option(other)
    expect(dialog.locator("[data-side-text]").first.locator("mark").first).to_contain_text("a0")
    expect(dialog.locator("[data-side-text]").nth(1).locator("mark").first).to_contain_text("b0")


def test_the_whole_conversation_stays_in_view_with_its_roles(page: Page) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why is the sky blue?"},
        {"role": "assistant", "content": "Because of scattering."},
        {"role": "user", "content": "And at sunset?"},
    ]
    start_ranking(page, texts=[f"{number}. {SENTENCE * 30}" for number in range(9)], prompt={"messages": turns})
    prompt = page.get_by_role("region", name="Prompt")
    assert prompt.locator(".role").all_inner_texts() == ["System", "User", "Assistant", "User"]
    page.locator("#note-text").scroll_into_view_if_needed()
    assert page.evaluate("scrollY") > 300
    expect(prompt.get_by_text("And at sunset?")).to_be_in_viewport()


def test_on_a_phone_the_prompt_stays_above_and_folds(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    start_ranking(page, k=9, prompt={"text": "Which of these?"})
    assert fits(page)
    page.locator("#note-text").scroll_into_view_if_needed()
    expect(page.get_by_text("Which of these?")).to_be_in_viewport()
    page.get_by_role("button", name="Prompt", exact=True).click()
    expect(page.get_by_text("Which of these?")).to_be_hidden()
    press(page, "Tab")
    page.locator("[data-card=A]").focus()
    press(page, "p")
    expect(page.get_by_text("Which of these?")).to_be_in_viewport()


def test_nothing_in_a_completion_or_prompt_runs_or_is_fetched(
    page: Page, context: BrowserContext, live_server: LiveServer
) -> None:
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    texts = [
        "<script>alert(1)</script><img src=//evil.example/1.png onerror=alert(2)>",
        "[x](javascript:alert(3)) ![p](https://evil.example/p.png)",
        "```html\n<script>alert(4)</script>\n```\n<style>body{display:none}</style>",
        "safe\u202etxt.exe \u2066hidden\u2069 \x07bell",
    ]
    start_ranking(page, texts=texts, prompt={"text": "<svg onload=alert(5)> \u202eWhat?"})
    press(page, "Shift+R")
    for key, opened in (("c", "[data-compare]"), ("d", "[data-duel]")):
        press(page, key)
        expect(page.locator(opened)).to_be_visible()
        press(page, "Escape")
        expect(page.locator(opened)).to_be_hidden()
    assert not [url for url in asked if not url.startswith(live_server.url)]
    press(page, "Shift+R")
    expect(page.locator("[data-cards]").get_by_text("⟨RLO⟩").first).to_be_visible()
    expect(page.get_by_role("region", name="Prompt").locator(".prose").get_by_text("⟨RLO⟩")).to_be_visible()
    assert not set(page.content()) & set("\u202e\u2066\u2069\x07")


def test_right_to_left_text_is_set_from_the_right_but_not_its_code_and_formulas(page: Page) -> None:
    texts = ["שלום עולם, זה טקסט.", "مرحبا `x = 1`.\n\n```python\nx = 1\n```\n\n\\(x + 1\\)", "Hello.", "你好。"]
    start_ranking(page, texts=texts)
    direction = "part => getComputedStyle(part).direction"
    found = {}
    for text, letter in letters_by_text(page).items():
        prose = page.locator(f"[data-card={letter}] .prose")
        expect(prose).to_have_attribute("translate", "no")
        found[text[:4]] = prose.evaluate(direction)
        for part in prose.locator("pre, code, math").all():
            assert part.evaluate(direction) == "ltr"
    assert found == {"שלום": "rtl", "مرحب": "rtl", "Hell": "ltr", "你好。": "ltr"}
    expect(page.locator(".conversation .prose").first).to_have_attribute("translate", "no")
    expect(page.locator("[data-card] math")).to_have_count(1)


def test_the_whole_page_speaks_chinese(page: Page) -> None:
    start_ranking(page)
    page.get_by_role("button", name="简体中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("给 4 个回答排序")
    page.wait_for_load_state()
    press(page, *"4321", "k")
    expect(page.locator("[data-announce]")).to_have_text("D 已移动：第 3 名")
    expect(page.locator("[data-contradictions]")).to_have_text("D 排在 C 之前，但评分较低（1 < 2）。")
    assert tiers_shown(page) == ["A", "B", "D", "C"]
    press(page, "d")
    expect(page.get_by_role("dialog", name="B 还是 A 更好？")).to_be_visible()
