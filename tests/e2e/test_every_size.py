"""The work can be read and each control reached in every window: a phone's, a wall's, one enlarged four times."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.campaigns.services.starter import starter_flags
from labeling.models import Labeler
from tests.e2e.desk import fits, log_in, scripts_listen, start_ranking, start_writing
from tests.labeling.cast import make_campaign

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CODE = "x = " + " + ".join(f"number_{at}" for at in range(60))
TABLE = "| " + " | ".join(f"Heading {at}" for at in range(14)) + " |\n" + "|---" * 14 + "|\n" + "| 12345 " * 14 + "|"
LONG = "A sentence that says what bees do when the sun goes down behind the hill. " * 25
TEXTS = [
    f"```python\n{CODE}\n```",
    TABLE,
    LONG,
    r"So \[" + "+".join(f"x_{{{at}}}" for at in range(60)) + r"\]",
    "Short.",
]
TURNS = [
    {"role": "user", "content": f"Why is this slow?\n\n```python\n{CODE}\n```"},
    {"role": "assistant", "content": TABLE},
    {"role": "user", "content": "And now?"},
]

# Of everything that can be used: whether a pointer in its middle meets it, once it is scrolled to.
OUT_OF_REACH = """(within) => {
  const controls = [...document.querySelectorAll(`${within} :is(a[href], button, summary, input, select, textarea)`)];
  return controls.filter((control) => {
    if (!control.checkVisibility({ visibilityProperty: true }) || control.closest(".skip-link")) return false;
    control.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    const { left, top, width, height } = control.getBoundingClientRect();
    const met = document.elementFromPoint(left + width / 2, top + Math.min(height, innerHeight) / 2);
    return !met || !(control.contains(met) || met.contains(control) && met.closest("label")?.contains(control));
  }).map((control) => control.outerHTML.slice(0, 100));
}"""
# Wide parts scroll by themselves; the texts around them are as wide as their places.
TOO_WIDE = """() => [...document.querySelectorAll(".turn, .card, .conversation, .prose > p")]
  .filter((part) => part.checkVisibility())
  .filter((part) => part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).overflowX === "visible"
    || part.getBoundingClientRect().right > innerWidth + 1)
  .map((part) => `${part.className || part.localName} ${part.scrollWidth} in ${part.clientWidth}`)"""

ROWS = """bar => new Set([...bar.children].map(child => child.getBoundingClientRect()).filter(box => box.height)
  .map(box => Math.round((box.top + box.bottom) / 2 / 12))).size"""
# 1440×900 enlarged to 200 % and 400 % is a window of 720×450 and 360×225.
SIZES = [(360, 740), (740, 360), (1024, 768), (1280, 720), (1440, 900), (2560, 1440), (720, 450), (360, 225)]


@pytest.fixture(autouse=True)
def no_smooth_scrolling(page: Page) -> None:
    """So that what is measured has come to rest."""
    page.emulate_media(reduced_motion="reduce")


def faults_at(page: Page, width: int, height: int) -> list[str]:
    page.set_viewport_size({"width": width, "height": height})
    for _ in range(20):
        page.wait_for_timeout(50)  # what measures the window hears of it later
        found = [*page.evaluate(TOO_WIDE), *page.evaluate(OUT_OF_REACH, "form[data-ranking]")]
        if not fits(page):
            found.append("the page scrolls sideways")
        if not found:
            break
    return found


def test_a_prompt_and_completions_with_code_tables_and_formulas_can_be_read_and_worked_on_in_every_window(
    page: Page,
) -> None:
    start_ranking(page, texts=TEXTS, prompt={"messages": TURNS}, flags=starter_flags(), ask_strength=True)
    assert {size: found for size in SIZES if (found := faults_at(page, *size))} == {}
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.locator(".bar").evaluate(ROWS) == 2, "the order, and below it what is saved with the buttons"


@pytest.mark.parametrize("size", [(360, 740), (1280, 720), (1440, 900), (720, 450), (360, 225)])
def test_every_flag_of_every_card_is_set_with_a_pointer(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    start_ranking(page, texts=["One.", "Two.", "Three.", "Four.", LONG, "Six."], flags=starter_flags())
    for letter in "AF":
        card = page.locator(f"[data-card={letter}]")
        card.locator("summary", has_text="Flags").click()
        boxes = card.locator("[data-flags] input")
        assert boxes.count() == len(starter_flags())
        for box in boxes.all():
            box.scroll_into_view_if_needed()  # as a wheel does; never more than the pointer could
            middle: Any = box.bounding_box()
            page.mouse.click(middle["x"] + middle["width"] / 2, middle["y"] + middle["height"] / 2)
        page.keyboard.press("Escape")
        expect(card.locator("[data-flags] input:checked")).to_have_count(boxes.count())


def test_four_times_enlarged_the_work_is_what_the_window_shows(page: Page) -> None:
    start_ranking(page, texts=TEXTS)
    page.set_viewport_size({"width": 360, "height": 225})
    card = page.locator("[data-card=A] .prose")
    card.evaluate("text => text.scrollIntoView({ block: 'start', behavior: 'instant' })")
    covered = page.evaluate(
        "() => [5, 60, 110, 160, 220].filter(y => !document.elementFromPoint(180, y)?.closest('[data-card]'))"
    )
    assert covered == []


def test_writing_can_be_reached_in_every_window(page: Page) -> None:
    start_writing(page)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(OUT_OF_REACH, "form[data-autosave]") == [], (width, height)
        assert fits(page), (width, height)


@pytest.mark.parametrize("kind", ["dialogue", "chat", "own_prompt"])
def test_a_long_line_widens_no_field_that_it_is_written_in(page: Page, kind: str) -> None:
    campaign = make_campaign(ask_dialogues=True, ask_chats=True, ask_own_prompts=True)
    page.goto("/")
    page.locator(f"form[action='/compose/start/{campaign.slug}/{kind}/'] button").click()
    scripts_listen(page)
    for field in page.locator(".writing textarea:visible").all():
        field.fill("x=1;" * 100)
    for width, height in ((1440, 900), (360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        assert fits(page), (width, height)


def test_the_scale_and_the_letter_stay_in_view_while_a_long_answer_is_read(page: Page) -> None:
    start_ranking(page, texts=[LONG * 3, LONG * 3 + "!", LONG * 3 + "?", "Short."])
    for unfold in page.locator("[data-act=unfold]:visible").all():
        unfold.click()
    card = page.locator(".card.is-long").last
    letter = str(card.get_attribute("data-card"))
    card.evaluate("card => scrollTo({ top: card.offsetTop + card.offsetHeight / 2, behavior: 'instant' })")
    expect(card.locator(".letter")).to_be_in_viewport(ratio=1)
    card.locator("input[name$=-quality]").nth(2).click(no_wait_after=True)
    expect(card.locator("input[name$=-quality]").nth(2)).to_be_checked()
    following = page.locator("[data-card]:not(.is-rated)").first
    expect(following.locator(".letter")).to_be_in_viewport(ratio=1)
    assert letter


def test_short_cards_are_not_stretched_to_the_tallest(page: Page) -> None:
    start_ranking(page, texts=[LONG, "Short.", "Shorter.", "Sho."])
    heights = {card.bounding_box()["height"] for card in page.locator("[data-card]").all()}  # type: ignore[index]
    assert max(heights) > 2 * min(heights)


def test_a_rating_by_key_brings_the_beginning_of_the_next_card(page: Page) -> None:
    start_ranking(page, texts=[LONG * 3, LONG * 3 + "!", LONG * 3 + "?", LONG * 3 + "."])
    page.set_viewport_size({"width": 900, "height": 800})
    page.keyboard.press("Shift+R")
    for unfold in page.locator("[data-act=unfold]:visible").all():
        unfold.click()
    page.locator("[data-card=A]").focus()
    for letter, following in zip("ABC", "BCD", strict=True):
        card = page.locator(f"[data-card={letter}]")
        card.evaluate("card => scrollTo({ top: card.offsetTop + card.offsetHeight - 500, behavior: 'instant' })")
        page.keyboard.press("4")
        expect(page.locator(f"[data-card={following}] .letter")).to_be_in_viewport(ratio=1)
        top = page.locator(f"[data-card={following}]").evaluate("card => card.getBoundingClientRect().top")
        assert 0 < top < 450


def test_how_one_reads_is_kept_with_the_person(
    page: Page, browser: Browser, live_server: LiveServer, alice: Labeler
) -> None:
    start_ranking(page, k=4)
    page.locator(".reading-menu summary").click()
    panel = page.locator(".reading-panel")
    before = page.locator("[data-card=A] .prose").evaluate("text => getComputedStyle(text).fontSize")
    for word in ("Largest", "1", "Wide", "By rank"):
        with page.expect_response("**/preferences/reading/"):
            panel.get_by_text(word, exact=True).click()
    page.keyboard.press("Escape")
    for key in "1357":
        page.keyboard.press(key)
    expect(page.locator("[data-card]").first).to_have_attribute("data-card", "D")
    alice.refresh_from_db()
    assert alice.reading == {"text": "largest", "columns": "1", "prompt": "wide", "cards": "rank"}
    elsewhere = browser.new_context(base_url=live_server.url, viewport={"width": 1440, "height": 900}, locale="en")
    other = log_in(elsewhere.new_page())
    other.goto(page.url)
    text = other.locator("[data-card=A] .prose")
    assert text.evaluate("text => getComputedStyle(text).fontSize") > before
    lefts = {card.bounding_box()["x"] for card in other.locator("[data-card]").all()}  # type: ignore[index]
    assert len(lefts) == 1
    assert other.locator(".conversation").bounding_box()["width"] > 450  # type: ignore[index]
    other.goto("/preferences/")
    for name, value in alice.reading.items():
        expect(other.locator(f"input[name={name}][value='{value}']")).to_be_checked()
    elsewhere.close()
