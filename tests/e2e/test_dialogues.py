"""Dialogues with the model's suggestions, and chats that end in a ranking: real browser, real worker, real model."""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.base.live_text import LiveText
from labeling.models import (
    Campaign,
    Composition,
    Conversation,
    Demonstration,
    Labeler,
    Message,
    ModelVersion,
    RankingTask,
    Suggestion,
    SuggestionRequest,
)
from labeling.writing.suggestions import services as suggestions
from labeling.writing.suggestions.services import SUGGESTION_REQUESTS, answer_request
from tests.e2e.desk import fits, held_back, log_in, says, scripts_listen, until
from tests.labeling.cast import make_campaign
from tests.labeling.models_in_use import promoted
from tests.labeling.scripted_sampler import ScriptedSampler
from tests.processes import Processes, processes
from tests.tiny_models import make_tiny_model

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FOR_A_MODEL = 90_000  # milliseconds: a worker starts, loads torch and the model, and samples on a shared core
PHONE: Any = {"width": 360, "height": 740}
DESKTOP: Any = {"width": 1440, "height": 900}


@pytest.fixture
def model(tmp_path: Path) -> None:
    promoted(make_tiny_model(tmp_path / "secret-tiny"))


def campaign_of(*, dialogues: bool = False, chats: bool = False) -> Campaign:
    return make_campaign(ask_dialogues=dialogues, ask_chats=chats, max_new_tokens=8, k_min=4, k_max=4)


def begin_dialogue(page: Page) -> None:
    campaign_of(dialogues=True)
    page.goto("/")
    page.get_by_role("button", name="Write a dialogue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Write a dialogue")
    scripts_listen(page)


def begin_chat(page: Page) -> None:
    campaign_of(chats=True)
    page.goto("/")
    page.get_by_role("button", name="Chat with the model, then rank").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Chat with the model")
    scripts_listen(page)


def turn(page: Page, number: int) -> Any:
    return page.locator(f"#turn-{number}")


def text_of(page: Page, number: int) -> Any:
    return page.get_by_role("textbox", name=f"Text of turn {number}", exact=True)


def ask(page: Page, number: int) -> None:
    turn(page, number).get_by_role("button", name="Ask the model for 3 suggestions").click()


@pytest.fixture(scope="class")
def worker(database_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("worker")
    with processes(database_environment, folder, VAR_DIR=folder / "var") as started:
        started.worker("sampling", "suggestions,sampling")
        yield


@pytest.mark.usefixtures("worker", "model")
class TestWithAWorker:
    """A real one, which all these tests ask in turn."""

    def test_a_whole_dialogue_with_suggestions(self, page: Page) -> None:
        begin_dialogue(page)
        text_of(page, 1).fill("How do bees find their way home?")
        ask(page, 2)
        expect(turn(page, 2)).to_contain_text(re.compile(r"Asking the model … \d of 3"))
        offers = turn(page, 2).locator("[data-suggestion]")
        expect(offers).to_have_count(3, timeout=FOR_A_MODEL)
        expect(turn(page, 2).get_by_role("status")).to_have_text("3 suggestions are here.")

        offers.nth(0).get_by_role("button", name="Use").click()
        offered = text_of(page, 2).input_value()
        assert offered
        text_of(page, 2).fill(f"{offered} By the sun.")
        offers.nth(1).get_by_role("button", name="Dismiss").click()
        expect(offers).to_have_count(2)

        page.get_by_role("button", name="Add a turn").click()
        text_of(page, 3).fill("And at night?")
        page.get_by_role("button", name="Add a turn").click()
        ask(page, 4)
        expect(turn(page, 4).locator("[data-suggestion]")).to_have_count(3, timeout=FOR_A_MODEL)
        turn(page, 4).get_by_role("button", name="Use").nth(1).click()
        says(page, "Saved")

        page.reload()
        expect(text_of(page, 2)).to_have_value(f"{offered} By the sun.")
        expect(turn(page, 2).locator("[data-suggestion]")).to_have_count(2)
        expect(turn(page, 4).locator(".is-used")).to_have_count(1)
        page.get_by_role("button", name="Submit dialogue").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Your dialogue")
        expect(page.get_by_role("main")).to_contain_text("And at night?")
        assert "secret-tiny" not in page.content()

        outcomes = Suggestion.objects.order_by("request_id", "number").values_list("outcome", "edit_distance")
        assert list(outcomes) == [
            ("edited", len(" By the sun.")), ("dismissed", None), ("", None),
            ("", None), ("used", 0), ("", None),
        ]  # fmt: skip
        assert not Suggestion.objects.filter(shown_at=None).exists()
        assert list(Message.objects.order_by("position").values_list("author_type", flat=True)) == [
            "human", "human", "human", "model",
        ]  # fmt: skip

    @pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
    def test_chat_then_rank(self, page: Page, alice: Labeler, viewport: Any) -> None:
        page.set_viewport_size(viewport)
        begin_chat(page)
        thread = page.locator(".thread .turn")
        for number, line in enumerate(("Tell me something.", "And something else?"), start=1):
            page.get_by_label("Your turn").fill(line)
            page.get_by_label("Your turn").press("Control+Enter")
            expect(thread.nth(2 * number - 2)).to_contain_text(line)
            expect(page.locator("[data-poll]")).to_have_attribute("data-state", "", timeout=FOR_A_MODEL)
            expect(page.get_by_text("Writing …")).to_have_count(0)
            assert Message.objects.filter(author_type="model").count() == number
        assert fits(page)
        page.get_by_role("button", name="End the chat, then rank").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Your chat")
        expect(page.get_by_role("heading", name="Ready: rank it")).to_be_visible(timeout=FOR_A_MODEL)
        assert fits(page)
        page.get_by_role("button", name="Rank the answers").click()
        expect(page).to_have_url(re.compile("/work/"))
        picked = RankingTask.objects.get(reserved_for=alice).prompt.picked_message
        assert picked is not None
        assert RankingTask.objects.get().completions.filter(text=picked.content).exists()
        assert "secret-tiny" not in page.content()


def test_a_suggestion_that_never_arrives_stops_nobody(page: Page, model: None, settings: Any) -> None:
    settings.SUGGESTION_WAIT_SECONDS = 5  # and no worker runs
    begin_dialogue(page)
    text_of(page, 1).fill("How do bees find their way home?")
    ask(page, 2)
    expect(turn(page, 2)).to_contain_text("Asking the model … 0 of 3")
    expect(turn(page, 2).locator("[data-seconds]")).to_have_text(re.compile(r"^[2-9] s$"))
    text_of(page, 2).fill("By the sun.")
    expect(turn(page, 2).locator(".hint")).to_contain_text("The model did not answer. Just continue")
    expect(text_of(page, 2)).to_have_value("By the sun.")
    expect(text_of(page, 2)).to_be_focused()
    page.get_by_role("button", name="Submit dialogue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your dialogue")


def somebody_waits_for_this_connection() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])


def kill_in_the_middle(started: Processes) -> None:
    """SIGKILL between sampling and storing: the worker has a suggestion in hand, and nobody has it after that."""
    with transaction.atomic():
        Composition.objects.select_for_update(no_key=True).get()
        started.worker("first", "suggestions,sampling")
        started.wait_for("the worker wants to store a suggestion", somebody_waits_for_this_connection)
        started.kill("first")
    assert not Suggestion.objects.exists()


@pytest.mark.parametrize("rescued", [True, False], ids=["another-worker", "nobody"])
def test_a_worker_killed_in_the_middle_of_a_suggestion_costs_no_text(
    page: Page,
    model: None,
    process_environment: dict[str, str],
    tmp_path: Path,
    rescued: bool,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # beat's next round, at once
    monkeypatch.setitem(vars(suggestions.SUGGESTION_REQUESTS), "send_again_after", timedelta(0))
    begin_dialogue(page)
    text_of(page, 1).fill("How do bees find their way home?")
    text_of(page, 2).fill("I begin to answer.")
    ask(page, 2)
    expect(turn(page, 2)).to_contain_text("Asking the model … 0 of 3")
    page.wait_for_load_state("networkidle")
    with processes(process_environment, tmp_path, VAR_DIR=tmp_path / "var") as started:
        kill_in_the_middle(started)
        text_of(page, 2).fill("I begin to answer, and go on.")
        if rescued:
            # Not at the first look where PostgreSQL still holds the dead worker's lock on the request.
            started.wait_for("the request is sent again", SUGGESTION_REQUESTS.send)
            started.worker("second", "suggestions,sampling")
            expect(turn(page, 2).locator("[data-suggestion]")).to_have_count(3, timeout=FOR_A_MODEL)
        else:
            settings.SUGGESTION_WAIT_SECONDS = 1
            expect(turn(page, 2).locator(".hint")).to_contain_text("The model did not answer. Just continue")
    expect(text_of(page, 2)).to_have_value("I begin to answer, and go on.")
    page.get_by_role("button", name="Submit dialogue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your dialogue")
    assert list(Message.objects.order_by("position").values_list("content", flat=True)) == [
        "How do bees find their way home?", "I begin to answer, and go on.",
    ]  # fmt: skip


def test_two_tabs_that_hand_in_one_dialogue_at_once_hand_it_in_once(page: Page, context: BrowserContext) -> None:
    begin_dialogue(page)
    text_of(page, 1).fill("Where do swifts sleep?")
    text_of(page, 2).fill("In the air.")
    says(page, "Saved on the server")
    second = context.new_page()
    second.goto(page.url)
    held = held_back(context, "**/submit/**")
    for tab in (page, second):
        tab.get_by_role("button", name="Submit dialogue").click(no_wait_after=True)
    until(page, lambda: len(held) == 2)
    for route in held:
        route.continue_()
    for tab in (page, second):
        expect(tab.get_by_role("heading", level=1)).to_have_text("Your dialogue")
        expect(tab.get_by_role("main")).to_contain_text("In the air.")
    assert Conversation.objects.count() == Demonstration.objects.count() == 1


def test_the_labeler_goes_on_without_waiting(page: Page, model: None) -> None:
    begin_dialogue(page)
    text_of(page, 1).fill("How do bees find their way home?")
    ask(page, 2)
    page.get_by_role("button", name="Continue without them").click()
    expect(turn(page, 2).locator(".asking")).to_have_count(0)
    until(page, lambda: Composition.objects.get().suggestion_requests.get().state == "cancelled")


def test_turns_are_added_removed_and_put_back(page: Page) -> None:
    begin_dialogue(page)
    text_of(page, 1).fill("One")
    text_of(page, 2).fill("Two")
    page.get_by_role("button", name="Add a turn").click()
    expect(text_of(page, 3)).to_be_focused()
    text_of(page, 3).fill("Three")
    page.get_by_role("button", name="Remove turn 2").click()
    expect(text_of(page, 2)).to_have_value("Three")
    page.get_by_role("button", name="Undo").click()
    expect(text_of(page, 2)).to_have_value("Two")
    expect(text_of(page, 3)).to_have_value("Three")
    page.get_by_role("button", name="Add a system message").click()
    text_of(page, 1).fill("Be kind.")
    says(page, "Saved")
    page.reload()
    expect(text_of(page, 1)).to_have_value("Be kind.")
    expect(text_of(page, 4)).to_have_value("Three")
    page.get_by_role("button", name="Submit dialogue").click()
    expect(page.get_by_role("alert").first).to_contain_text("A dialogue ends with what the assistant says.")
    expect(text_of(page, 4)).to_have_value("Three")


def test_more_turns_than_the_page_has_come_back_from_the_browsers_storage(page: Page) -> None:
    begin_dialogue(page)
    page.route("**/draft/", lambda route: route.abort())
    text_of(page, 1).fill("One")
    page.get_by_role("button", name="Add a turn").click()
    text_of(page, 3).fill("Three")
    says(page, "kept in this browser")
    page.reload()
    expect(text_of(page, 3)).to_have_value("Three")
    page.unroute("**/draft/")
    expect(page.locator("[data-save-text]")).to_contain_text("Saved", timeout=30_000)  # the next try may be 15 s away
    with page.expect_response(lambda answer: answer.url.endswith("/draft/") and answer.ok):
        text_of(page, 3).fill("Three and a half")
    assert Composition.objects.get().draft["3-text"] == ["Three and a half"]


def test_suggestions_come_back_with_a_draft_that_the_server_has_not(page: Page, model: None) -> None:
    begin_dialogue(page)
    page.route("**/draft/", lambda route: route.abort())
    text_of(page, 1).fill("How do bees find their way home?")
    text_of(page, 2).fill("By the sun.")
    page.get_by_role("button", name="Add a turn").click()
    text_of(page, 3).fill("And at night?")
    page.get_by_role("button", name="Add a turn").click()
    for number in (2, 4):
        ask(page, number)
        expect(turn(page, number)).to_contain_text("Asking the model … 0 of 3")
        waiting = SuggestionRequest.objects.get(position=number)
        words = [f"{suggestion} for turn {number}" for suggestion in range(3)]
        answer_request(request_id=waiting.pk, model=ModelVersion.objects.get(), sampler=ScriptedSampler(*words))
    turn(page, 4).get_by_role("button", name="Use").nth(1).click()
    says(page, "kept in this browser")
    page.reload()
    for number in (2, 4):
        expect(turn(page, number).locator("[data-suggestion]")).to_have_count(3)
        expect(turn(page, number).locator(".suggestions")).to_contain_text(f"0 for turn {number}")
    expect(text_of(page, 4)).to_have_value("1 for turn 4")
    expect(turn(page, 4).locator(".is-used")).to_have_count(1)
    expect(turn(page, 2).locator(".is-used")).to_have_count(0)


def test_turns_that_another_tab_removes_take_their_suggestions_along(
    page: Page, context: BrowserContext, model: None
) -> None:
    begin_dialogue(page)
    text_of(page, 1).fill("How do bees find their way home?")
    ask(page, 2)
    expect(turn(page, 2)).to_contain_text("Asking the model … 0 of 3")
    waiting = SuggestionRequest.objects.get()
    answer_request(request_id=waiting.pk, model=ModelVersion.objects.get(), sampler=ScriptedSampler("Sun.", "Smell."))
    expect(turn(page, 2).locator("[data-suggestion]")).to_have_count(3)
    says(page, "Saved on the server")
    second = context.new_page()
    second.goto(page.url)
    scripts_listen(second)
    second.get_by_role("button", name="Remove turn 1").click()
    expect(text_of(page, 2)).to_have_count(0)
    expect(turn(page, 1).locator("[data-suggestion]")).to_have_count(3)


def test_a_dialogue_works_without_scripts(browser: Browser, live_server: LiveServer, alice: Labeler) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False, locale="en")
    page = log_in(context.new_page())
    begin_dialogue(page)
    text_of(page, 1).fill("Where do swifts sleep?")
    text_of(page, 2).fill("In the air.")
    page.get_by_role("button", name="Add a turn").click()
    text_of(page, 3).fill("Really?")
    page.get_by_role("button", name="Add a turn").click()
    text_of(page, 4).fill("At 2,000 metres.")
    page.get_by_role("button", name="Submit dialogue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your dialogue")
    assert Message.objects.count() == 4
    context.close()


def test_a_dialogue_is_written_with_the_keyboard_alone(page: Page, model: None) -> None:
    begin_dialogue(page)
    scripts_listen(page)
    text_of(page, 1).press_sequentially("How do bees find their way home?")
    page.keyboard.press("Alt+n")
    expect(text_of(page, 3)).to_be_focused()
    page.keyboard.press("Alt+x")
    expect(text_of(page, 3)).to_have_count(0)
    page.keyboard.press("Alt+z")
    expect(text_of(page, 3)).to_be_focused()
    page.keyboard.press("Alt+x")
    expect(text_of(page, 2)).to_be_focused()
    page.keyboard.press("Alt+a")
    expect(turn(page, 2)).to_contain_text("Asking the model … 0 of 3")
    waiting = SuggestionRequest.objects.get()
    answer_request(request_id=waiting.pk, model=ModelVersion.objects.get(), sampler=ScriptedSampler("Sun.", "Smell."))
    expect(turn(page, 2).locator("[data-suggestion]")).to_have_count(3)
    page.keyboard.press("Alt+2")
    expect(text_of(page, 2)).to_have_value("Smell.")
    expect(text_of(page, 2)).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("Use that suggestion")
    expect(keys).not_to_contain_text("Skip")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your dialogue")


def a_model_that_is_asked_by_hand() -> ModelVersion:
    return ModelVersion.objects.create(kind="sft", name="talker", path="/talker", state="current")


def has_saved(text: str) -> bool:
    return bool(Composition.objects.get().draft.get("text") == [text])


def test_a_chat_saves_on_after_each_message_and_gives_none_back(page: Page) -> None:
    model = a_model_that_is_asked_by_hand()
    begin_chat(page)
    box = page.get_by_label("Your turn")
    for number, text in enumerate(["Hi!", "And how are you?"], start=1):
        box.fill(text)
        box.press("Control+Enter")  # before it is saved
        expect(page.locator(".turn-user")).to_have_count(number)
        expect(box).to_have_value("")
        expect(page.locator("[data-conflict]")).to_be_hidden()
        waiting = SuggestionRequest.objects.get(state="waiting")
        answer_request(request_id=waiting.pk, model=model, sampler=ScriptedSampler(f"Answer {number}."))
        expect(page.locator(".thread")).to_contain_text(f"Answer {number}.")
        box.fill(f"Begun, {number}")
        until(page, partial(has_saved, f"Begun, {number}"))
        says(page, "Saved on the server")
    page.get_by_role("button", name="End the chat, then rank").click()
    expect(page.get_by_role("alert").first).to_contain_text("You have written something that was not sent.")
    expect(box).to_have_value("Begun, 2")
    box.fill("")
    page.get_by_role("button", name="End the chat, then rank").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your chat")


def test_an_answer_is_seen_while_it_is_written_and_stopped(page: Page) -> None:
    a_model_that_is_asked_by_hand()
    begin_chat(page)
    page.get_by_label("Your turn").fill("Hi!")
    page.get_by_label("Your turn").press("Control+Enter")
    expect(page.locator(".turn-user")).to_have_count(1)
    live = LiveText(str(SuggestionRequest.objects.get(state="waiting").token))
    live.add("By the ")
    shown = page.locator("[data-live]")
    expect(shown).to_have_text("By the ", use_inner_text=True)
    live.add("太阳。")
    expect(shown).to_have_text("By the 太阳。")
    page.wait_for_timeout(1500)  # what a look brings anew does not wipe it out
    expect(shown).to_have_text("By the 太阳。")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("You stopped the model.").first).to_be_visible()
    expect(shown).to_have_count(0)
    expect(page.get_by_role("button", name="Ask again")).to_be_visible()
    live.end()


def test_a_suggestion_that_took_the_place_of_writing_is_taken_back(page: Page) -> None:
    model = a_model_that_is_asked_by_hand()
    begin_dialogue(page)
    text_of(page, 1).fill("How do bees find their way home?")
    ask(page, 2)
    expect(turn(page, 2)).to_contain_text("Asking the model … 0 of 3")
    answer_request(
        request_id=SuggestionRequest.objects.get().pk, model=model, sampler=ScriptedSampler("Sun.", "Smell.")
    )
    expect(turn(page, 2).locator("[data-suggestion]")).to_have_count(3)
    text_of(page, 2).fill("Written by hand.")
    turn(page, 2).get_by_role("button", name="Use").first.click()
    expect(text_of(page, 2)).to_have_value("Sun.")
    page.keyboard.press("Control+z")
    expect(text_of(page, 2)).to_have_value("Written by hand.")
    turn(page, 2).get_by_role("button", name="Use").first.click()
    page.get_by_role("button", name="Undo").click()
    expect(text_of(page, 2)).to_have_value("Written by hand.")
    until(page, lambda: Composition.objects.get().draft.get("2-text") == ["Written by hand."])
    assert Composition.objects.get().draft["2-suggestion"] == [""]
