"""English and Simplified Chinese, on every page, chosen by the labeler."""

import re

import pytest
from django.test import Client

from tests.labeling.cast import make_campaign, make_prompt, make_ready_task, ranking_form_data

pytestmark = pytest.mark.django_db

ENGLISH_WORD = re.compile(r"\b[A-Za-z]{3,}\b")
NOT_INTERFACE = {"Concord", "English", "alice", "Shift", "Esc", "Ctrl", "Alt", "Enter", "Markdown"}


def switch(client: Client, language: str, *, back_to: str = "/") -> str:
    return client.post("/i18n/setlang/", {"language": language, "next": back_to})["Location"]


def words_shown(html: str) -> set[str]:
    body = re.sub(r"<(script|textarea)\b.*?</\1>|<[^>]+>", " ", re.split("<body[^>]*>", html)[1], flags=re.DOTALL)
    return set(ENGLISH_WORD.findall(body)) - NOT_INTERFACE


def test_the_login_page_switches_language_and_keeps_where_to_go() -> None:
    client = Client()
    assert switch(client, "zh-hans", back_to="/login/?next=/history/") == "/login/?next=/history/"
    html = client.get("/login/?next=/history/").content.decode()
    assert '<html lang="zh-hans">' in html
    assert "登录" in html
    assert 'name="next" value="/history/"' in html
    assert words_shown(html) == set()


def test_a_browser_that_asks_for_chinese_gets_it() -> None:
    html = Client(headers={"accept-language": "zh-CN,zh;q=0.9"}).get("/login/").content.decode()
    assert '<html lang="zh-hans">' in html


def test_every_page_of_a_whole_session_is_chinese(client: Client) -> None:
    switch(client, "zh-hans")
    campaign = make_campaign(name="日常问题")
    make_ready_task(
        make_prompt(campaign, text="天为什么是蓝的？", language="zh"), texts=["一。", "二。", "三。", "四。"]
    )
    pages = [client.get("/"), client.get("/history/"), client.get("/next/demonstration/"), client.get("/nowhere/")]
    work = client.post("/next/ranking/", follow=True)
    address = work.redirect_chain[0][0]
    pages += [work, client.post(f"{address}submit/", {}), client.post(f"{address}skip/", {})]
    pages += [
        client.post(f"{address}submit/", ranking_form_data([1, 1, 2, 3], **{"1-flags": ["fails_task"]}), follow=True)
    ]
    pages += [client.post(f"{address}submit/", ranking_form_data([1, 1, 2, 3]), follow=True)]
    writing = client.post("/next/demonstration/", follow=True)
    address = writing.redirect_chain[0][0]
    pages += [writing, client.post(f"{address}submit/", {"text": " "}), client.get("/next/ranking/")]
    pages += [client.post(f"{address}skip/", {"skip_reason": "unclear"}, follow=True), client.get(address)]
    pages += [client.get(f"/instructions/{campaign.slug}/")]
    for page in pages:
        assert words_shown(page.content.decode()) == set(), page.request["PATH_INFO"]


def test_instructions_and_rubric_follow_the_interface_and_the_prompt_does_not(client: Client) -> None:
    make_ready_task(make_prompt(make_campaign(), text="Why?", language="en"))
    switch(client, "zh-hans")
    html = client.post("/next/ranking/", follow=True).content.decode()
    assert "没有完成任务" in html
    assert re.search(r'<div class="prose" translate="no" dir="auto" lang="en">\s*<p>Why\?</p>', html)


def test_a_missing_language_falls_back_to_english(client: Client) -> None:
    campaign = make_campaign(instructions={"en": "Only English."}, flags=[{"key": "odd", "label": {"en": "Odd"}}])
    make_ready_task(make_prompt(campaign))
    switch(client, "zh-hans")
    assert "Only English." in client.get(f"/instructions/{campaign.slug}/").content.decode()
    assert "<b>Odd</b>" in client.post("/next/ranking/", follow=True).content.decode()
