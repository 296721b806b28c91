"""Dragging between tiers, with a mouse and with a finger."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Locator, Page, ViewportSize, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Labeler
from tests.e2e.desk import fits, log_in, start_ranking, tiers_shown, until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE: ViewportSize = {"width": 360, "height": 740}


def rate_all(page: Page, keys: str = "4321") -> None:
    for key in keys:
        page.keyboard.press(key)


def middle(place: Locator, across: float = 0.5) -> tuple[float, float]:
    box = place.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * across, box["y"] + box["height"] / 2


def drag(page: Page, what: Locator, to: tuple[float, float]) -> None:
    page.mouse.move(*middle(what))
    page.mouse.down()
    page.mouse.move(*to, steps=6)
    page.mouse.up()


def settled(page: Page) -> None:
    """Waits for a swipe's momentum to end: in frames, since a busy machine draws none for a while and then goes on."""
    page.evaluate(
        """() => new Promise((settled) => {
          let [at, still] = [scrollY, 0];
          const look = () => {
            still = scrollY === at ? still + 1 : 0;
            at = scrollY;
            if (still < 20) requestAnimationFrame(look);
            else settled();
          };
          requestAnimationFrame(look);
        })"""
    )


def back_to_the_top(page: Page) -> None:
    page.evaluate("window.scrollTo({top: 0, behavior: 'instant'})")
    settled(page)
    assert page.evaluate("scrollY") == 0


def handle(page: Page, letter: str) -> Locator:
    return page.locator(f"[data-card={letter}] [data-handle]")


def tier(page: Page, rank: int) -> Locator:
    return page.locator(f"[data-tier='{rank}']")


def test_a_card_dropped_on_another_ties_with_it(page: Page) -> None:
    start_ranking(page)
    rate_all(page)
    drag(page, handle(page, "D"), middle(page.locator("[data-card=A] .text")))
    assert tiers_shown(page) == ["AD", "B", "C"]
    expect(page.locator("[data-announce]")).to_have_text("D moved: Rank 1, tied with A")
    page.keyboard.press("z")
    assert tiers_shown(page) == ["A", "B", "C", "D"]


def test_a_drop_on_a_tier_ties_and_a_drop_between_makes_a_tier(page: Page) -> None:
    start_ranking(page)
    rate_all(page)
    drag(page, handle(page, "D"), middle(tier(page, 2)))
    assert tiers_shown(page) == ["A", "BD", "C"]
    drag(page, page.locator("[data-chip=D]"), middle(tier(page, 1), across=0.05))
    assert tiers_shown(page) == ["D", "A", "B", "C"]
    drag(page, page.locator("[data-chip=D]"), middle(tier(page, 3), across=0.95))
    assert tiers_shown(page) == ["A", "B", "D", "C"]


def test_ranking_by_dragging_alone_needs_no_rating(page: Page) -> None:
    start_ranking(page)
    drag(page, handle(page, "B"), middle(page.locator("[data-tier=start]")))
    assert tiers_shown(page) == ["B", "?ACD"]
    drag(page, handle(page, "D"), middle(tier(page, 1), across=0.95))
    drag(page, handle(page, "A"), middle(page.locator("[data-card=B] .text")))
    assert tiers_shown(page) == ["AB", "D", "?C"]
    drag(page, page.locator("[data-chip=A]"), middle(page.locator("[data-tier=open]")))
    assert tiers_shown(page) == ["B", "D", "?AC"]


def test_a_drag_that_is_given_up_changes_nothing(page: Page) -> None:
    start_ranking(page)
    rate_all(page)
    page.mouse.move(*middle(handle(page, "D")))
    page.mouse.down()
    page.mouse.move(*middle(tier(page, 1)), steps=4)
    expect(page.locator(".drag-ghost")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".drag-ghost")).to_have_count(0)
    page.mouse.up()
    assert tiers_shown(page) == ["A", "B", "C", "D"]


def test_a_click_on_a_chip_goes_to_its_card(page: Page) -> None:
    start_ranking(page)
    page.locator("[data-chip=C]").click()
    expect(page.locator("[data-card=C]")).to_be_focused()


def test_near_the_edge_the_page_scrolls_along(page: Page) -> None:
    start_ranking(page, texts=[f"Answer {number}. " + "More of it. " * 90 for number in range(9)])
    bar = page.locator(".bar").bounding_box()
    assert bar is not None
    page.mouse.move(*middle(handle(page, "A")))
    page.mouse.down()
    page.mouse.move(700, bar["y"] - 10, steps=6)
    until(page, lambda: middle(handle(page, "I"))[1] < bar["y"] - 100)
    page.mouse.move(700, 450)  # away from the edge, the page stands still
    page.mouse.move(*middle(handle(page, "I")), steps=3)
    page.mouse.up()
    assert tiers_shown(page) == ["AI", "?BCDEFGH"]


class TestOnAPhone:
    @pytest.fixture
    def context(self, browser: Browser, live_server: LiveServer, alice: Labeler) -> Iterator[BrowserContext]:
        opened = browser.new_context(
            base_url=live_server.url, viewport=PHONE, has_touch=True, is_mobile=True, locale="en"
        )
        yield opened
        opened.close()

    @pytest.fixture
    def page(self, context: BrowserContext) -> Page:
        return log_in(context.new_page())

    @pytest.fixture
    def finger(self, context: BrowserContext, page: Page) -> CDPSession:
        return context.new_cdp_session(page)

    def swipe(self, finger: CDPSession, start: tuple[float, float], *way: tuple[float, float]) -> None:
        def touch(kind: str, *points: tuple[float, float]) -> None:
            finger.send(
                "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]}
            )

        touch("touchStart", start)
        for (x0, y0), (x1, y1) in zip([start, *way], way, strict=False):
            for step in range(1, 9):
                touch("touchMove", (x0 + (x1 - x0) * step / 8, y0 + (y1 - y0) * step / 8))
        touch("touchEnd")

    def test_a_finger_drags_by_the_handle_and_scrolls_by_the_text(self, page: Page, finger: CDPSession) -> None:
        start_ranking(page, texts=[f"Answer {number}. " + "More of it. " * 12 for number in range(7)])
        for card, quality in zip("ABCDEFG", "7654321", strict=True):
            page.locator(f"[data-card={card}] .scale-quality .step", has_text=quality).tap()
        assert tiers_shown(page) == list("ABCDEFG")
        page.locator("[data-prompt-toggle]").tap()
        back_to_the_top(page)
        text = page.locator("[data-card=A] .text")
        x, y = middle(text)
        self.swipe(finger, (x, y), (x, y - 150))
        assert page.evaluate("scrollY") > 50, "a finger on the text scrolls"
        assert tiers_shown(page) == list("ABCDEFG")
        settled(page)
        back_to_the_top(page)
        self.swipe(finger, middle(handle(page, "A")), middle(tier(page, 3)))
        assert tiers_shown(page) == ["B", "AC", "D", "E", "F", "G"]
        passing_the_edge = 60  # the way to the tiers leads through where the page scrolls along
        assert page.evaluate("scrollY") < passing_the_edge, "a finger on the handle drags"
        assert fits(page)

    def test_buttons_do_what_dragging_does(self, page: Page) -> None:
        start_ranking(page)
        for card, quality in zip("ABCD", "4321", strict=True):
            page.locator(f"[data-card={card}] .scale-quality .step", has_text=quality).tap()
        page.get_by_role("button", name="Move D up").tap()
        assert tiers_shown(page) == ["A", "B", "D", "C"]
        page.get_by_role("button", name="Tie D with the one above").tap()
        assert tiers_shown(page) == ["A", "BD", "C"]
        page.get_by_role("button", name="Move A down").tap()
        assert tiers_shown(page) == ["BD", "A", "C"]
        page.get_by_role("button", name="Undo", exact=False).first.tap()
        assert tiers_shown(page) == ["A", "BD", "C"]
