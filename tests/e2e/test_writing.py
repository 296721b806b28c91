"""The editor of demonstrations in a real browser: preview, length, keys, and more text than there is room for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_core_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Demonstration, ModelVersion
from tests.labeling.cast import PASSWORD, make_campaign, make_labeler, make_prompt
from tests.tiny_models import make_tiny_model

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESK, PHONE = {"width": 1440, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(params=["desk"])
def page(request: pytest.FixtureRequest, browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    make_labeler("alice")
    make_prompt(make_campaign(), demonstrations_needed=1)
    size: Any = PHONE if request.param == "phone" else DESK
    context = browser.new_context(
        base_url=live_server.url,
        viewport=size,
        has_touch=request.param == "phone",
        color_scheme="dark" if request.param == "dark" else "light",
        locale="en",
    )
    page = context.new_page()
    page.goto("/login/")
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Start writing").click()
    expect(page.locator("[data-preview-of]")).to_be_visible()
    yield page
    context.close()


def write(page: Page, text: str) -> None:
    page.locator("textarea[name=text]").fill(text)


def test_the_preview_follows_what_is_written(page: Page) -> None:
    preview = page.locator("[data-preview-text]")
    expect(page.get_by_text("What you write appears here")).to_be_visible()
    write(page, "Hot water, **then** a leaf.\n\n1. wait\n2. drink")
    expect(preview.locator("strong")).to_have_text("then")
    expect(preview.locator("li")).to_have_count(2)
    write(page, "<img src=x onerror=alert(1)> harmless")
    expect(preview).to_contain_text("harmless")
    expect(preview.locator("img")).to_have_count(0)
    write(page, "")
    expect(page.get_by_text("What you write appears here")).to_be_visible()


def test_a_key_hides_the_preview_and_it_stays_hidden(page: Page) -> None:
    page.keyboard.press("Alt+p")
    expect(page.locator("[data-preview-of]")).to_be_hidden()
    page.reload()
    page.wait_for_load_state("networkidle")
    expect(page.locator("[data-preview-of]")).to_be_hidden()
    page.keyboard.press("Alt+p")
    expect(page.locator("[data-preview-of]")).to_be_visible()


def test_the_length_is_in_words_and_in_tokens_of_the_model(page: Page, tmp_path: Path) -> None:
    path = str(make_tiny_model(tmp_path / "model"))  # its tokenizer has a token for each byte
    ModelVersion.objects.create(kind="sft", name="tiny", path=path, state="current")
    write(page, "A leaf, in hot water.")
    expect(page.locator("#text-length")).to_have_text("Words: 5 · characters: 17 · tokens: 21")


def test_too_much_is_said_at_once_and_nothing_of_it_is_lost(page: Page) -> None:
    text = "x" * 100_012
    write(page, text)
    expect(page.locator("#text-length")).to_have_text(
        "12 characters too many: at most 100,000 can be handed in. Everything is kept."
    )
    page.get_by_role("button", name="Submit demonstration").click()
    expect(page.get_by_role("main")).to_contain_text("100012 characters long; at most 100000")
    assert page.locator("textarea[name=text]").input_value() == text
    write(page, text[:100_000])
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("saved")
    assert Demonstration.objects.get().text == text[:100_000]


def test_the_keys_are_shown_and_hand_it_in(page: Page) -> None:
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Hide or show the preview")
    page.keyboard.press("Escape")
    write(page, "A leaf.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("saved")
    assert Demonstration.objects.get().text == "A leaf."


@pytest.mark.parametrize("page", ["phone"], indirect=True)
def test_on_a_phone_the_preview_lies_under_the_text_and_nothing_sticks_out(page: Page) -> None:
    write(page, "# A heading\n\n" + "wide " * 60 + "\n\n```\n" + "code " * 60 + "\n```")
    expect(page.locator("[data-preview-text] pre")).to_be_visible()
    boxes = [page.locator(each).bounding_box() for each in ("textarea[name=text]", "[data-preview-of]")]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[1]["y"] >= boxes[0]["y"] + boxes[0]["height"]
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("page", ["desk", "dark"], indirect=True)
def test_nothing_serious_stands_in_anybodys_way(page: Page) -> None:
    write(page, "# A heading\n\nSome **text** and `code`.")
    expect(page.locator("[data-preview-text] strong")).to_be_visible()
    found = Axe().run(page)["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
