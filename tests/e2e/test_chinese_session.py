"""A whole session in Simplified Chinese: every page that Alice meets, and nothing on them in English."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Demonstration, Ranking
from tests.e2e.desk import scripts_listen
from tests.labeling.cast import PASSWORD, make_campaign, make_labeler, make_prompt, make_ready_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PROMPT = "我想给第一次喝工夫茶的朋友介绍一下冲泡步骤。"
ANSWERS = ["先烫壶，再放茶。", "把茶包放进马克杯。", "请严格按照顺序执行。", "烫壶、放茶、快快倒掉头一泡。"]
# Names that are the same in every language.
NAMES = {
    "concord",
    "cny",
    "english",
    "markdown",
    "alice",
    "bob",
    # apps that bind a second factor, and this browser in the list of sessions
    "aegis",
    "google",
    "authenticator",
    "chrome",
    "headlesschrome",
    "linux",
    "esc",
    "shift",
    "ctrl",
    "alt",
    "enter",
    "tab",
    "space",
    "asia",
    "shanghai",
    "utc",
}

VISIBLE_TEXT = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (parent.closest('script, style, option, [lang=en], [data-own-words]')) continue;
    texts.push(walker.currentNode.textContent);
  }
  for (const each of document.querySelectorAll('[aria-label], [title], [placeholder]'))
    for (const name of ['aria-label', 'title', 'placeholder']) texts.push(each.getAttribute(name) ?? '');
  return texts.join('\\n');
}"""


@pytest.fixture
def page(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": 1440, "height": 900}, locale="zh-CN", timezone_id="Asia/Shanghai"
    )
    yield context.new_page()
    context.close()


def in_chinese(page: Page) -> Page:
    """The page, on which every word that is not a name is Chinese."""
    expect(page.locator("html")).to_have_attribute("lang", re.compile("^zh"))
    assert english_words(page) == set(), f"English on {page.url}"
    return page


def english_words(page: Page) -> set[str]:
    words = set(re.findall(r"[A-Za-z]{3,}", page.evaluate(VISIBLE_TEXT)))
    return {word for word in words if word.lower() not in NAMES}


def test_a_whole_session_in_chinese(page: Page) -> None:
    make_labeler("alice")
    campaign = make_campaign(
        name="中文回答", description="日常问题", instructions={"zh-hans": "# 有帮助\n\n鼓励并列。"}
    )
    make_ready_task(make_prompt(campaign, text=PROMPT, language="zh", demonstrations_needed=1), texts=ANSWERS)

    page.goto("/")
    in_chinese(page)
    page.locator("[name=username]").fill("alice")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(in_chinese(page).get_by_role("heading", level=1)).to_be_visible()

    page.locator("form[action='/next/ranking/'] button").click()
    read_the_instructions(page)
    expect(in_chinese(page).locator("[data-card]")).to_have_count(4)
    scripts_listen(page)
    for key in "7265":
        page.keyboard.press(key)
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_be_visible()
    in_chinese(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("已保存")
    ranking = Ranking.objects.get()
    assert sorted(ranking.ranked_completions.values_list("rank", flat=True)) == [1, 2, 3, 4]

    page.goto("/")
    page.locator("form[action='/next/demonstration/'] button").click()
    in_chinese(page).locator("form[data-autosave] textarea[name=text]").fill("先用开水烫一烫壶和杯子。")
    page.locator(".bar button[type=submit]").first.click()
    expect(page.get_by_role("status").first).to_contain_text("已保存")
    assert Demonstration.objects.get().text == "先用开水烫一烫壶和杯子。"

    for address in ("/", "/history/", "/day/", "/preferences/", "/next/ranking/", f"/instructions/{campaign.slug}/"):
        page.goto(address)
        in_chinese(page)
    page.goto("/history/")
    page.locator("a[href^='/history/']").last.click()
    in_chinese(page)


def read_the_instructions(page: Page) -> None:
    """Before the first work of a campaign its instructions are read once."""
    page.wait_for_load_state()
    acknowledge = page.locator(".read-bar button[type=submit]")
    if acknowledge.count():
        in_chinese(page)
        acknowledge.click()
