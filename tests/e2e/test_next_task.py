"""The next task in the place of the last: the same document, its own address, every script at work."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route, expect

from labeling.base.states import AssignmentState
from labeling.campaigns.services.campaigns import publish_instructions
from labeling.desk.services.leases import close_campaign
from labeling.models import Assignment, Demonstration, Ranking
from tests.e2e.desk import held_back, letters_by_text, says, scripts_listen, serious, tiers_shown
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

ANSWER = "What the assistant should say"


def begin(page: Page, button: str = "Start ranking") -> str:
    """The token of the work that the button leads to; from here on `changed_documents` tells of another document."""
    page.goto("/")
    page.get_by_role("button", name=button).click()
    token = token_on(page, other_than="")
    scripts_listen(page)
    page.evaluate("window.first = true")
    return token


def begin_ranking(page: Page, *, tasks: int, **campaign: Any) -> str:
    made = make_campaign(**campaign)
    for _ in range(tasks):
        make_ready_task(make_prompt(made))
    return begin(page)


def rate_all(page: Page, qualities: str = "7531") -> None:
    page.locator("[data-card]").first.focus()
    for quality in qualities:
        page.keyboard.press(quality)


def submit(page: Page, *, after: str) -> str:
    page.keyboard.press("Control+Enter")
    return token_on(page, other_than=after)


def token_on(page: Page, *, other_than: str) -> str:
    form = page.locator(f"form[data-token]:not([data-token='{other_than}'])")
    form.wait_for()
    return str(form.get_attribute("data-token"))


def changed_documents(page: Page) -> bool:
    return not page.evaluate("window.first === true")


def stands_at(page: Page, token: str) -> None:
    assert str(page.evaluate("location.pathname")) == f"/work/{token}/"


@contextmanager
def sent(page: Page, ending: str) -> Iterator[list[str]]:
    """The addresses that requests with this ending of their path go to."""
    found: list[str] = []

    def note(request: Request) -> None:
        path = request.url.split("?")[0]
        if path.endswith(ending):
            found.append(path)

    page.on("request", note)
    yield found
    page.remove_listener("request", note)


def test_reloading_and_going_back_after_a_submission_hand_nothing_in_again(page: Page) -> None:
    first = begin_ranking(page, tasks=3)
    root = str(page.evaluate("location.origin"))
    rate_all(page)
    page.get_by_role("button", name="Submit ranking").click()
    second = token_on(page, other_than=first)
    expect(page.get_by_text("Ranking saved · 1 today")).to_be_visible()
    stands_at(page, second)

    page.reload()
    assert token_on(page, other_than=first) == second
    page.go_back()
    expect(page).to_have_url(f"{root}/history/{first}/")
    page.go_forward()
    assert token_on(page, other_than=first) == second
    assert Ranking.objects.count() == 1
    assert Assignment.objects.filter(state=AssignmentState.OPEN).count() == 1


def test_the_document_stays_and_what_it_says_of_itself_changes(page: Page) -> None:
    first = begin_ranking(page, tasks=2)
    page.evaluate("scrollTo(0, 300)")
    rate_all(page)
    second = submit(page, after=first)
    stands_at(page, second)
    assert not changed_documents(page)
    assert page.title() == "Ranking · Concord"
    assert page.evaluate("[scrollY, document.activeElement.id]") == [0, "main"]
    assert page.locator("[data-token]").count() == 1
    assert tiers_shown(page) == ["?ABCD"]
    assert serious(page) == []


def test_keys_and_saves_are_those_of_the_page_that_is_shown_also_after_many(page: Page) -> None:
    token = begin_ranking(page, tasks=5)
    for _ in range(4):
        rate_all(page)
        token = submit(page, after=token)
    assert not changed_documents(page)
    assert Ranking.objects.count() == 4
    with sent(page, "/draft/") as saves:
        page.keyboard.press("6")  # no card holds the focus: the first without a rating gets it
        says(page, "Saved on the server")
        page.wait_for_timeout(1_000)
    assert [save.split("/")[-3] for save in saves] == [token]
    assert page.locator(".card.is-rated").count() == 1
    held = Assignment.objects.get(token=token)
    assert held.draft["1-quality"] == ["6"]
    page.keyboard.press("z")
    assert page.locator(".card.is-rated").count() == 0, "one press took back more or less than one change"


def test_what_is_fetched_when_first_asked_for_works_on_the_next_page(page: Page) -> None:
    first = begin_ranking(page, tasks=2)
    page.keyboard.press("d")
    expect(page.locator("[data-duel]")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    expect(page.locator("[data-compare]")).to_be_visible()
    page.keyboard.press("c")
    expect(page.locator("[data-card]:focus")).to_be_visible()  # it was given back
    rate_all(page)
    submit(page, after=first)

    page.keyboard.press("c")
    compared = page.locator("[data-compare]")
    expect(compared).to_be_visible()
    assert compared.locator("select").first.locator("option").count() == 4
    page.keyboard.press("c")
    expect(page.locator("[data-card]:focus")).to_be_visible()
    page.keyboard.press("d")
    expect(page.locator("[data-duel]")).to_be_visible()
    for _ in range(6):
        if page.locator("[data-duel]").is_visible():
            page.keyboard.press("ArrowDown")
    assert tiers_shown(page) == ["ABCD"]


def test_a_pause_on_the_next_page_holds_the_next_task(page: Page) -> None:
    first = begin_ranking(page, tasks=2)
    rate_all(page)
    second = submit(page, after=first)
    with sent(page, "/hold/") as held:
        page.keyboard.press(".")
        expect(page.get_by_role("dialog", name="Paused")).to_be_visible()
        page.wait_for_timeout(300)
    assert [each.split("/")[-3] for each in held] == [second]
    page.keyboard.press(".")
    expect(page.get_by_role("dialog", name="Paused")).to_be_hidden()


def test_dragging_and_strengths_on_the_next_page(page: Page) -> None:
    first = begin_ranking(page, tasks=2, ask_strength=True)
    rate_all(page)
    for _ in range(3):
        page.keyboard.press("0")
        page.keyboard.press("1")
    second = submit(page, after=first)
    letters = list(letters_by_text(page).values())
    for at, letter in enumerate(letters[:2]):
        onto = page.locator("[data-tier=start]") if at == 0 else page.locator("[data-order] [data-tier='1']")
        page.locator(f"[data-chip={letter}]").drag_to(onto)
    assert tiers_shown(page)[0] == "".join(sorted(letters[:2]))
    rate_all(page)
    page.keyboard.press("=")
    page.keyboard.press("0")
    assert page.evaluate("document.activeElement.closest('[data-strengths]') !== null")
    stands_at(page, second)


@pytest.mark.parametrize("arrives", [True, False])
def test_nothing_is_entered_into_what_is_on_its_way(page: Page, arrives: bool) -> None:
    first = begin_ranking(page, tasks=2)
    rate_all(page)
    note = page.get_by_label("Note on the whole")

    on_their_way = held_back(page, "**/submit/**")
    note.fill("Sent.")
    note.press("Control+Enter")
    expect(page.locator("form[data-token]")).to_have_js_property("inert", True)
    page.keyboard.type(" Lost1")
    assert page.locator("form[data-token]").evaluate("form => form.elements.note.value") == "Sent."
    if arrives:
        on_their_way[0].continue_()
        token_on(page, other_than=first)
        assert Ranking.objects.get().note == "Sent."
    else:
        on_their_way[0].abort()
        says(page, "It can’t be submitted without a connection")
        page.keyboard.type(" And on.")  # where one was
        expect(note).to_have_value("Sent. And on.")


def test_two_presses_hand_in_once(page: Page) -> None:
    first = begin_ranking(page, tasks=3)
    rate_all(page)

    on_their_way = held_back(page, "**/submit/**")
    with sent(page, "/submit/") as posts:
        page.keyboard.press("Control+Enter")
        page.keyboard.press("Control+Enter")
        says(page, "Submitting")
        on_their_way[0].continue_()
        token_on(page, other_than=first)
    assert len(posts) == 1
    assert (Ranking.objects.count(), Assignment.objects.filter(state=AssignmentState.OPEN).count()) == (1, 1)


def test_an_entry_that_was_refused_stays_with_what_is_wrong_in_focus(page: Page) -> None:
    first = begin_ranking(page, tasks=2)
    page.keyboard.press("5")
    page.keyboard.press("Control+Enter")
    problems = page.get_by_role("alert").filter(has_text="Not submitted yet")
    expect(problems).to_be_focused()
    stands_at(page, first)
    assert not changed_documents(page)
    assert page.locator(".card.is-rated").count() == 1
    rate_all(page, "7531")
    submit(page, after=first)
    assert Ranking.objects.count() == 1


def test_a_server_that_can_not_be_reached_keeps_the_page_and_takes_it_later(
    page: Page, context: BrowserContext
) -> None:
    first = begin_ranking(page, tasks=2)
    rate_all(page)
    says(page, "Saved on the server")
    page.route("**/submit/**", lambda route: route.abort())
    page.keyboard.press("Control+Enter")
    says(page, "It can’t be submitted without a connection")
    page.get_by_label("Note on the whole").fill("Still here.")
    page.unroute("**/submit/**")
    page.get_by_label("Note on the whole").press("Control+Enter")
    token_on(page, other_than=first)
    assert Ranking.objects.get().note == "Still here."
    assert context.pages == [page]


def test_an_answer_that_got_lost_is_found_by_handing_in_again(page: Page) -> None:
    """The ranking arrived, its answer did not: the second time shows what was handed in, and nothing counts twice."""
    first = begin_ranking(page, tasks=2)
    rate_all(page)

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/submit/**", lose_the_answer)
    page.keyboard.press("Control+Enter")
    says(page, "It can’t be submitted without a connection")
    page.unroute("**/submit/**")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("This was submitted already")).to_be_visible()
    assert page.url.endswith(f"/history/{first}/")
    assert Ranking.objects.count() == 1


def test_an_error_of_the_server_is_shown_and_the_way_back_has_everything(page: Page) -> None:
    first = begin_ranking(page, tasks=2)
    rate_all(page)

    def fail(route: Route) -> None:
        route.fulfill(status=500, content_type="text/html", body="<title>Error</title><p>Something went wrong")

    page.route("**/submit/**", fail)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Something went wrong")).to_be_visible()
    page.unroute("**/submit/**")
    page.goto(f"/work/{first}/")
    scripts_listen(page)
    assert len(tiers_shown(page)) == 4
    submit(page, after=first)


def test_a_campaign_that_was_closed_meanwhile_is_told_with_what_was_kept(page: Page) -> None:
    begin_ranking(page, tasks=2)
    rate_all(page)
    says(page, "Saved on the server")
    campaign = Assignment.objects.get().campaign
    close_campaign(campaign=campaign)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("main")).to_contain_text("This campaign is closed")


def test_new_instructions_stand_before_the_next_task(page: Page) -> None:
    first = begin_ranking(page, tasks=2)
    rate_all(page)
    publish_instructions(campaign=Assignment.objects.get().campaign, body={"en": "Be kind."})
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", level=1).first).to_have_text("The instructions have changed")
    expect(page.get_by_text("Ranking saved · 1 today")).to_be_visible()
    page.get_by_role("button", name="I have read this").click()
    token_on(page, other_than=first)


def test_the_last_task_leads_to_the_overview_which_says_that_it_was_saved(page: Page) -> None:
    begin_ranking(page, tasks=1)
    rate_all(page)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Ranking saved · 1 today")).to_be_visible()
    assert str(page.evaluate("location.pathname")) == "/"


def test_skipping_shows_the_next_task_in_place(page: Page) -> None:
    first = begin_ranking(page, tasks=2)
    page.keyboard.press("s")
    page.get_by_label("No expertise").check()
    page.get_by_role("button", name="Skip this task").press("Enter")
    second = token_on(page, other_than=first)
    stands_at(page, second)
    assert not changed_documents(page)
    assert Assignment.objects.get(token=first).skip_reason == "no_expertise"


def test_demonstrations_follow_each_other_in_place(page: Page) -> None:
    campaign = make_campaign()
    for number in range(3):
        make_prompt(campaign, text=f"Question {number}")
    token = begin(page, "Start writing")
    for text in ("The first answer.", "The second, *with words*."):
        page.get_by_label(ANSWER).fill(text)
        expect(page.locator("[data-preview-text]")).to_contain_text(text.replace("*", ""))
        expect(page.locator("#text-length")).to_contain_text("Words:")
        page.keyboard.press("Control+Enter")
        token = token_on(page, other_than=token)
    stands_at(page, token)
    assert not changed_documents(page)
    assert Demonstration.objects.count() == 2
    expect(page.get_by_label(ANSWER)).to_have_value("")
    with sent(page, "/draft/") as saves:
        page.get_by_label(ANSWER).fill("The third.")
        says(page, "Saved on the server")
    assert [save.split("/")[-3] for save in saves] == [token]


def test_time_is_counted_for_the_page_that_is_shown(page: Page) -> None:
    page.clock.install()
    first = begin_ranking(page, tasks=2)
    page.mouse.move(50, 50)
    page.clock.run_for(8_000)
    assert float(page.locator("[data-active-time]").input_value()) >= 7
    rate_all(page)
    page.keyboard.press("Control+Enter")
    token_on(page, other_than=first)
    page.mouse.move(60, 60)
    page.clock.run_for(3_000)
    assert 1 <= float(page.locator("[data-active-time]").input_value()) <= 5


def test_another_tab_learns_that_the_work_was_handed_in(page: Page, context: BrowserContext) -> None:
    first = begin_ranking(page, tasks=2)
    other = context.new_page()
    other.goto(f"/work/{first}/")
    scripts_listen(other)
    page.bring_to_front()
    rate_all(page)
    submit(page, after=first)
    expect(other.locator("[data-save-text]")).to_contain_text("no longer open")
