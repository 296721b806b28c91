"""What somebody enters before the page's scripts listen: saved as soon as they do, and never over anything newer."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Request, Route, expect

from labeling.desk.services.assignments import ASSIGNMENTS, claim_demonstration, claim_ranking
from labeling.models import Assignment, EarlierDraft, Labeler
from tests.e2e.desk import PATIENCE_S, SAVED_WITHIN_S, says, server_has, tiers_shown, until
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SCRIPTS = "**/*.js"
KEEP_IN_BROWSER = (
    "([token, kept]) => localStorage.setItem(`concord.draft.${document.body.dataset.labeler}.${token}`, kept)"
)


@contextmanager
def before_the_scripts(page: Page, path: str) -> Iterator[None]:
    """Opens the page; its scripts arrive only at the end."""

    def hold(route: Route) -> None:
        """Unrouting lets go of what is held."""

    page.route(SCRIPTS, hold)
    page.goto(path, wait_until="commit")
    yield
    page.unroute(SCRIPTS, hold)
    page.wait_for_load_state("networkidle")


@pytest.fixture
def held(alice: Labeler) -> Assignment:
    """A demonstration whose draft the server has."""
    make_prompt(make_campaign())
    claimed = claim_demonstration(labeler=alice)
    assert claimed is not None
    return ASSIGNMENTS.save_draft(labeler=alice, token=str(claimed.token), draft={"text": ["Begun."]}, base_version=0)


def field(page: Page) -> Locator:
    return page.get_by_label("What the assistant should say")


def test_text_is_saved_without_another_change(page: Page, held: Assignment) -> None:
    with before_the_scripts(page, f"/work/{held.token}/"):
        field(page).fill("Begun. And gone on before anything listened.")
    server_has(page, held, {"text": [field(page).input_value()]}, seconds=PATIENCE_S)  # the page has only just loaded
    says(page, "Saved on the server")


def test_ratings_make_the_order_that_they_would_have_made(page: Page, alice: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign()))
    claimed = claim_ranking(labeler=alice)
    assert claimed is not None
    with before_the_scripts(page, f"/work/{claimed.token}/"):
        for position, quality in enumerate((7, 2, 7, 5), start=1):
            page.locator(f"label:has([name='{position}-quality'][value='{quality}'])").click()
    assert tiers_shown(page) == ["AC", "D", "B"]
    server_has(page, claimed, {"2-rank": ["3"]})


def test_text_that_this_browser_kept_and_text_just_entered_are_shown_side_by_side(page: Page, held: Assignment) -> None:
    kept = '{"draft": {"text": ["Kept in this browser."]}, "version": 1}'
    page.evaluate(KEEP_IN_BROWSER, [str(held.token), kept])
    with before_the_scripts(page, f"/work/{held.token}/"):
        field(page).fill("Entered at once.")
    expect(page.locator("[data-mine]")).to_contain_text("Entered at once.")
    expect(page.locator("[data-theirs]")).to_contain_text("Kept in this browser.")
    page.get_by_role("button", name="Take the other").click()
    expect(field(page)).to_have_value("Kept in this browser.")
    server_has(page, held, {"text": ["Kept in this browser."]})
    until(page, EarlierDraft.objects.filter(draft__text=["Entered at once."]).exists, seconds=SAVED_WITHIN_S)


@pytest.mark.parametrize("again", ["reload", "go_back"])
def test_a_page_that_is_opened_again_shows_what_is_newest(
    page: Page, alice: Labeler, held: Assignment, again: str
) -> None:
    page.goto(f"/work/{held.token}/")
    with page.expect_response(lambda answer: answer.url.endswith("/draft/") and answer.ok):
        field(page).fill("On this device.")
    if again == "go_back":
        page.goto("/")
    ASSIGNMENTS.save_draft(labeler=alice, token=str(held.token), draft={"text": ["On another, later."]}, base_version=2)
    getattr(page, again)()
    expect(field(page)).to_have_value("On another, later.")
    page.wait_for_load_state("networkidle")
    held.refresh_from_db()
    assert (held.draft["text"], held.draft_version) == (["On another, later."], 3)


def test_opening_a_page_saves_nothing(page: Page, context: BrowserContext, held: Assignment) -> None:
    campaign = make_campaign(
        ask_dialogues=True, ask_chats=True, ask_own_prompts=True, ask_strength=True, name="Everything"
    )
    make_ready_task(make_prompt(campaign, demonstrations_needed=0))
    sent: list[Request] = []
    context.on("request", lambda request: sent.append(request) if request.url.endswith("/draft/") else None)
    page.goto(f"/work/{held.token}/")
    buttons = ("Start ranking", "Write a dialogue", "Chat with the model, then rank", "Write your own prompt")
    for button in buttons:
        page.goto("/")
        page.get_by_role("button", name=button).click()
        expect(page.locator("form[data-autosave]")).to_be_visible()
        page.wait_for_load_state("networkidle")
    assert sent == []
