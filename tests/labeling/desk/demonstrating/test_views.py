"""Writing an ideal answer in the browser."""

import pytest
from django.test import Client

from labeling.models import Assignment, Demonstration
from tests.labeling.cast import make_campaign, make_prompt

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(client: Client) -> Assignment:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello?"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "What is tea?"},
    ]
    make_prompt(make_campaign(), messages=turns)
    page = client.post("/next/demonstration/")
    return Assignment.objects.get(token=page["Location"].split("/")[2])


def test_the_page_has_the_whole_conversation_and_the_guidance(client: Client, held: Assignment) -> None:
    html = client.get(f"/work/{held.token}/").content.decode()
    for words in ("Be brief.", "Hello?", "Hello.", "What is tea?", "Be helpful"):
        assert words in html
    assert html.index("Be brief.") < html.index("What is tea?")


@pytest.mark.parametrize("text", ["", "   \n\t ", "\u3000"])
def test_an_empty_text_is_refused_in_words(client: Client, held: Assignment, text: str) -> None:
    page = client.post(f"/work/{held.token}/submit/", {"text": text})
    assert page.status_code == 422
    assert "There is no text yet" in page.content.decode()
    assert not Demonstration.objects.exists()


def test_a_text_with_an_unstorable_character_is_refused_and_kept(client: Client, held: Assignment) -> None:
    page = client.post(f"/work/{held.token}/submit/", {"text": "Tea is\0hot."})
    assert page.status_code == 422
    assert "stored" in page.content.decode()
    held.refresh_from_db()
    assert held.draft["text"] == ["Tea is\ufffdhot."]


def test_an_oversized_text_is_refused_with_the_limit_and_kept_whole(client: Client, held: Assignment) -> None:
    text = "茶" * 100_001
    page = client.post(f"/work/{held.token}/submit/", {"text": text})
    assert page.status_code == 422
    assert "100001 characters long; at most 100000" in page.content.decode()
    assert text in client.get(f"/work/{held.token}/").content.decode()


def test_a_text_is_kept_as_it_was_written(client: Client, held: Assignment) -> None:
    answer = client.post(f"/work/{held.token}/submit/", {"text": "\n  A leaf,\r\nin hot water. \n"}, follow=True)
    assert "Demonstration saved · 1 today" in answer.content.decode()
    assert Demonstration.objects.get().text == "\n  A leaf,\nin hot water. \n"


def test_a_first_empty_line_survives_the_way_through_the_browser(client: Client, held: Assignment) -> None:
    # A browser drops one line end right after <textarea>, so the page must write one more.
    draft = {"draft": {"text": ["\nSecond line."]}, "base_version": 0}
    client.put(f"/work/{held.token}/draft/", draft, "application/json")
    assert ">&#10;\nSecond line.</textarea>" in client.get(f"/work/{held.token}/").content.decode()
