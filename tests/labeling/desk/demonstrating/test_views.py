"""Writing an ideal answer in the browser."""

import json
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from labeling.model_versions.queries import too_long_to_learn_from
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import Assignment, Demonstration, ModelVersion
from tests.labeling.cast import make_campaign, make_prompt
from tests.labeling.models_in_use import promoted
from tests.tiny_models import make_tiny_model

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
    # But for empty lines around it and white space at its end.
    assert Demonstration.objects.get().text == "  A leaf,\nin hot water."


def test_a_first_empty_line_survives_the_way_through_the_browser(client: Client, held: Assignment) -> None:
    # A browser drops one line end right after <textarea>, so the page must write one more.
    draft = {"draft": {"text": ["\nSecond line."]}, "base_version": 0}
    client.put(f"/work/{held.token}/draft/", draft, "application/json")
    assert ">&#10;\nSecond line.</textarea>" in client.get(f"/work/{held.token}/").content.decode()


def test_an_answer_that_the_reward_model_cannot_read_is_taken_and_its_author_told(
    client: Client, held: Assignment, tmp_path: Path, settings: Settings
) -> None:
    """The tiny tokenizer makes a token of every letter; 100 tokens are the limit, 8 of them for what stands around."""
    settings.RM_MAX_LENGTH = 100
    promoted(make_tiny_model(tmp_path / "tiny"))
    assert too_long_to_learn_from("x" * 92) is None
    page = client.post(f"/work/{held.token}/submit/", {"text": "x" * 93}, follow=True).content.decode()
    assert Demonstration.objects.get().text == "x" * 93
    assert "Demonstration saved" in page
    assert "with about 93 tokens it is longer than the reward model reads (92)" in page


def test_of_a_reward_model_counts_what_it_was_trained_to_read(tmp_path: Path) -> None:
    path = make_tiny_model(tmp_path / "reward")
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"reward_max_length": 64}))
    ModelVersion.objects.create(
        kind="reward", reward_model=default_reward_model(), name="reward-1", path=str(path), state="current"
    )
    too_long = too_long_to_learn_from("茶" * 19)  # three bytes each, and so many tokens
    assert too_long is not None
    assert (too_long.tokens, too_long.limit) == (57, 56)


def test_without_a_model_no_answer_is_too_long() -> None:
    assert too_long_to_learn_from("x" * 10_000) is None
