"""Own prompts in a real browser: a few-shot prompt with pairs that come and go, across a reload and on a phone."""

from playwright.sync_api import Page, expect

from labeling.models import Demonstration, Labeler, OwnPrompt
from tests.e2e.desk import fits, scripts_listen, serious
from tests.labeling.cast import make_campaign

STATEMENTS = [{"language": "en", "text": "You plan a trip."}, {"language": "en", "text": "You run a bakery."}]


def begin(page: Page) -> None:
    make_campaign(ask_own_prompts=True, use_case_statements=STATEMENTS)
    page.goto("/")
    page.get_by_role("button", name="Write your own prompt").click()
    expect(page.get_by_role("heading", name="Write your own prompt")).to_be_visible()
    scripts_listen(page)


def pair(page: Page, number: int, query: str, response: str) -> None:
    page.locator(f'[name="{number}-query-text"]').fill(query)
    page.locator(f'[name="{number}-response-text"]').fill(response)


def test_a_few_shot_prompt_with_three_pairs_across_a_reload(page: Page, alice: Labeler) -> None:
    begin(page)
    page.get_by_text("Few-shot", exact=True).click()
    page.locator("#use_case").select_option("classification")
    page.locator("#instruction-text").fill("Name the mood.")
    pair(page, 1, "I won!", "Joy")
    pair(page, 2, "Never mind.", "None")
    page.get_by_role("button", name="Add a pair").click()
    pair(page, 3, "He left.", "Grief")
    page.get_by_role("button", name="Remove the pair").nth(1).click()
    expect(page.locator('[name="2-query-text"]')).to_have_value("He left.")
    page.get_by_role("button", name="Add a pair").click()
    pair(page, 3, "It broke.", "Anger")
    expect(page.locator("[data-save-state]")).to_have_attribute("data-state", "saved")
    page.reload()
    expect(page.locator('[name="3-response-text"]')).to_have_value("Anger")
    expect(page.locator("#use_case")).to_have_value("classification")
    assert serious(page) == []
    page.get_by_role("button", name="Submit prompt").click()
    expect(page.get_by_role("button", name="Write another prompt")).to_be_visible()
    assert [each["query"] for each in OwnPrompt.objects.get().pairs] == ["I won!", "He left.", "It broke."]
    assert Demonstration.objects.count() == 3
    assert serious(page) == []


def test_a_prompt_from_a_use_case_on_a_phone_in_the_dark(page: Page, alice: Labeler) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme="dark")
    begin(page)
    page.get_by_text("From a use case", exact=True).click()
    shown = page.locator("[data-statement-text]")
    first = shown.inner_text()
    page.get_by_role("button", name="Another use case").click()
    expect(shown).not_to_have_text(first)
    assert fits(page)
    assert serious(page) == []
    page.locator("#use_case").select_option("chat")
    page.locator("#prompt-text").fill("What should I bake?")
    other = shown.inner_text()
    page.get_by_role("button", name="Submit prompt").click()
    expect(page.get_by_role("button", name="Write another prompt")).to_be_visible()
    assert OwnPrompt.objects.get().statement == other


def test_changing_the_kind_loses_nothing(page: Page, alice: Labeler) -> None:
    begin(page)
    page.locator("#prompt-text").fill("Why?")
    page.get_by_text("Few-shot", exact=True).click()
    expect(page.locator("#prompt-text")).to_be_hidden()
    page.get_by_text("Plain", exact=True).click()
    expect(page.locator("#prompt-text")).to_have_value("Why?")
