"""Alice talks with a model in the playground; a stream takes the place of the models' server."""

import threading

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Labeler, ServedConversation
from tests.e2e.desk import held_back, inaccessible, until
from tests.labeling.conversations.talks import policy
from tests.labeling.playground.scripted_stream import ScriptedServer, server

__all__ = ["server"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_conversation_from_the_question_to_side_by_side(page: Page, alice: Labeler, server: ScriptedServer) -> None:
    policy("policy-1", state="current")
    page.goto("/playground/")
    turn, send = page.get_by_label("Your turn"), page.get_by_role("button", name="Send", exact=True)

    # nothing is sent before the question is answered, and what was typed stays
    turn.fill("Why is the sky blue?")
    send.click()
    expect(page.get_by_role("alert")).to_contain_text("Answer first")
    assert server.asked == []
    page.get_by_role("button", name="Yes, keep it").click()
    expect(page.get_by_text("is kept for labeling and training")).to_be_visible()

    # an answer streams, and is stopped by a key
    goes_on = threading.Event()
    server.pieces = ["Because ", lambda: "of the air." if goes_on.wait(20) else "never"]
    turn.press("Control+Enter")
    answer = page.locator(".of-assistant").last
    expect(answer).to_contain_text("Because")
    page.keyboard.press("Escape")
    expect(answer).to_contain_text("You stopped it here.")
    goes_on.set()
    until(page, lambda: server.streams[0].closed)

    # a reload loses nothing; another answer takes the place of the last one
    page.get_by_label("Your turn").fill("And at night?")
    page.reload()
    expect(page.locator(".of-assistant")).to_contain_text("Because")
    expect(turn).to_have_value("And at night?")
    server.pieces = ["By **scattering**.\n1 < 2"]
    page.get_by_role("button", name="Answer again").click()
    expect(page.locator(".of-assistant .prose strong")).to_have_text("scattering")
    expect(page.locator(".of-assistant .prose")).to_contain_text("1 < 2")

    # as it was written by a button or a key, also after a reload
    page.get_by_role("button", name="Raw text").click()
    expect(page.locator(".of-assistant .as-written")).to_have_text("By **scattering**.\n1 < 2")
    page.keyboard.press("r")
    expect(page.locator(".of-assistant .prose strong")).to_be_visible()
    page.keyboard.press("r")
    expect(page.get_by_role("button", name="Raw text")).to_have_attribute("aria-pressed", "true")
    send.click()
    expect(page.locator(".turn")).to_have_count(4)
    expect(turn).to_have_value("")

    # a turn is edited, with a system message, and both models answer
    policy("policy-2")
    page.reload()
    page.get_by_label("Compare with a second model").check()
    page.get_by_role("button", name="No, keep nothing").click()
    page.get_by_text("System message and temperature").click()
    page.get_by_role("textbox", name="System message").fill("Be brief.")
    page.get_by_label("Temperature", exact=True).fill("0.3")
    page.get_by_role("button", name="Edit").first.click()
    turn.fill("Why is grass green?")
    send.click()
    expect(page.locator(".side")).to_have_count(2)
    expect(page.locator(".turn")).to_have_count(4)
    expect(page.locator(".of-assistant .as-written")).to_have_text(["By **scattering**.\n1 < 2"] * 2)
    asked = server.asked[-2:]
    assert {each["version"] for each in asked} == {"policy-1", "policy-2"}
    assert asked[0]["messages"] == [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why is grass green?"},
    ]  # fmt: skip
    assert asked[0]["temperature"] == 0.3
    expect(page.locator("[data-standing-yes]")).to_contain_text("policy-1 (current) What you say to this model is kept")
    expect(page.locator("[data-standing-no]")).to_contain_text("policy-2 Nothing that you say to this model is kept.")
    assert inaccessible(page) == []
    kept = ServedConversation.objects.filter(turns__content="Why is grass green?")
    assert list(kept.values_list("consent__model_version__name", flat=True)) == ["policy-1"]


def test_what_is_sent_while_an_answer_about_keeping_is_on_its_way_waits_for_it(
    page: Page, alice: Labeler, server: ScriptedServer
) -> None:
    """On a slow line a person is faster than the answer. The last one that was given holds."""
    policy("policy-1", state="current")
    server.pieces = ["Because of the air."]
    page.goto("/playground/")
    held = held_back(page, "**/playground/consent/")
    page.get_by_role("button", name="Yes, keep it").click()
    page.get_by_role("button", name="No, keep nothing").click()
    page.get_by_label("Your turn").fill("Why is the sky blue?")
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_role("button", name="Send", exact=True).click()
    until(page, lambda: len(held) == 1)
    assert server.asked == []
    held[0].continue_()
    until(page, lambda: len(held) == 2)
    assert server.asked == []
    held[1].continue_()
    expect(page.locator(".of-assistant")).to_contain_text("Because of the air.")
    expect(page.locator(".turn")).to_have_count(2)
    expect(page.locator("[data-standing-no]")).to_be_visible()
    assert not ServedConversation.objects.exists()

    # where it doesn't arrive, nothing is sent, and what was typed stays
    page.get_by_role("button", name="Change").click()
    page.get_by_role("button", name="No, keep nothing").click()
    page.get_by_label("Your turn").fill("And at night?")
    page.get_by_role("button", name="Send", exact=True).click()
    until(page, lambda: len(held) == 3)
    held[2].abort()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Your turn")).to_have_value("And at night?")
    assert len(server.asked) == 1
