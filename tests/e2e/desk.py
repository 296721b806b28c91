"""What the browser tests of the desk share: somebody logged in, and a ranking begun."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import BrowserContext, Page, Route, expect

from labeling.models import Assignment, RankingTask
from tests.labeling.cast import PASSWORD, make_campaign, make_prompt, make_ready_task

PATIENCE_S = 20  # with which everything is expected: two cores may be busy
SAVED_WITHIN_S = 5  # a save starts at most 700 ms after a change


def log_in(page: Page, path: str = "/login/", *, name: str = "alice") -> Page:
    page.goto(path)
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    return page


def scripts_listen(page: Page) -> None:
    """On a page of work that a button leads to: keys pressed any sooner are lost, on it or on the page before it."""
    expect(page.locator("form[data-autosave]")).to_be_visible()
    page.wait_for_load_state()  # behind the modules: a quiet network alone says nothing on a busy machine
    page.wait_for_load_state("networkidle")


def start_ranking(
    page: Page,
    *,
    k: int = 4,
    texts: Sequence[str] = (),
    prompt: Mapping[str, Any] | None = None,
    **campaign: Any,
) -> RankingTask:
    """Claims a ranking of `texts`, or of `k` short answers, and waits for its page."""
    task = make_ready_task(make_prompt(make_campaign(**campaign), **(prompt or {})), texts=texts, k=k)
    page.goto("/")
    page.locator("form[action$='/next/ranking/'] button").click()
    scripts_listen(page)
    return task


def start_writing(page: Page, *, language: str = "en") -> None:
    make_prompt(make_campaign(), language=language)
    page.goto("/")
    page.get_by_role("button", name="Start writing").click()
    scripts_listen(page)


def says(page: Page, words: str, *, seconds: float = SAVED_WITHIN_S) -> None:
    """What is saved where."""
    expect(page.locator("[data-save-text]")).to_contain_text(words, timeout=1000 * seconds)


def until(page: Page, holds: Callable[[], bool], *, seconds: float = PATIENCE_S) -> None:
    """Polls in the browser's time, so that what the page does goes on. Not page.wait_for_function: it polls by eval,
    which the Content-Security-Policy refuses.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        page.wait_for_timeout(50)


def server_has(
    page: Page, work: Assignment, draft: Mapping[str, list[str]], *, seconds: float = SAVED_WITHIN_S
) -> None:
    """Waits until these fields of the draft are saved like this."""

    def has() -> bool:
        work.refresh_from_db()
        return bool(draft.items() <= work.draft.items())

    until(page, has, seconds=seconds)


def held_back(page: Page | BrowserContext, addresses: str) -> list[Route]:
    """Requests that wait until the test lets them go on, or fail."""
    found: list[Route] = []

    def hold(route: Route) -> None:
        found.append(route)

    page.route(addresses, hold)
    return found


def letters_by_text(page: Page) -> dict[str, str]:
    """Where each text is shown to this labeler: the page's order is drawn by chance."""
    cards = page.locator("[data-card]")
    return {str(card.locator(".prose").inner_text()): str(card.get_attribute("data-card")) for card in cards.all()}


def tiers_shown(page: Page) -> list[str]:
    """The tiers of the tiers_shown, best first, such as ["AC", "B"]; what is not ranked comes last as "?D"."""
    tiers = page.locator("[data-tiers] li").evaluate_all(
        "items => items.map(item => (item.dataset.tier === 'open' ? '?' : '') +"
        " [...item.querySelectorAll('[data-chip]')].map(chip => chip.dataset.chip).join(''))"
    )
    return [str(tier) for tier in tiers if tier]


# axe leaves this one out by itself: whoever says what they see, “0:42”, must reach what they see.
AXE = {"rules": {"label-content-name-mismatch": {"enabled": True}}, "resultTypes": ["violations"]}
# axe itself is half a megabyte, which one document needs once; and of what it finds out this much is read.
RUN_AXE = """options => axe.run(options).then(({ violations }) =>
  violations.map(({ id, impact, nodes }) => ({ id, impact, html: nodes[0].html })))"""


def inaccessible(
    page: Page,
    *,
    impacts: Collection[str] = ("minor", "moderate", "serious", "critical"),
    options: Mapping[str, Any] = AXE,
) -> list[str]:
    """Everything that axe finds."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return [
        f"{violation['id']}: {violation['html'][:120]}"
        for violation in page.evaluate(RUN_AXE, dict(options))
        if violation["impact"] in impacts
    ]


def low_contrast(page: Page) -> list[str]:
    """What a theme alone decides."""
    return inaccessible(page, options={"runOnly": ["color-contrast"], "resultTypes": ["violations"]})


def serious(page: Page) -> list[str]:
    """What axe finds that keeps somebody from working."""
    return inaccessible(page, impacts=("serious", "critical"))


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
