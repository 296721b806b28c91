"""What is being written, shown as it will be read and counted in the tokens of the model that learns from it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labeling.models import Labeler, ModelVersion
from tests.labeling.cast import make_campaign, make_prompt
from tests.labeling.models_in_use import promoted
from tests.tiny_models import make_tiny_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def current(tmp_path: Path) -> ModelVersion:
    return promoted(make_tiny_model(tmp_path / "tiny"))


def preview(client: Client, text: object) -> Any:
    return client.post("/preview/", json.dumps({"text": text}), "application/json")


def test_markdown_is_drawn_as_on_every_page(client: Client) -> None:
    answer = preview(client, "# Tea\n\nA **leaf** in `hot` water.")
    assert answer.status_code == 200
    assert "<h3>Tea</h3>" in answer.json()["html"]
    assert "<strong>leaf</strong>" in answer.json()["html"]


@pytest.mark.parametrize("attack", ["<script>alert(1)</script>", "[x](javascript:alert(1))", "<img src=x onerror=y>"])
def test_nothing_in_it_can_act(client: Client, attack: str) -> None:
    html = preview(client, attack).json()["html"]
    for weapon in ("<script", "<img", 'href="javascript'):
        assert weapon not in html


def test_what_cannot_be_stored_shows_as_a_mark_and_is_no_error(client: Client) -> None:
    answer = preview(client, "Tea\0 is \ud800 hot")
    assert (answer.status_code, answer.json()["html"].count("\ufffd")) == (200, 2)


def test_without_a_model_there_are_no_tokens_to_count(client: Client) -> None:
    assert preview(client, "Tea")["Content-Type"].startswith("application/json")
    assert preview(client, "Tea").json()["tokens"] is None


@pytest.mark.usefixtures("current")
@pytest.mark.parametrize("text", ["Tea is hot.", "茶是热的。", "", "<|im_start|>"])
def test_tokens_are_those_of_the_current_model_without_special_ones(client: Client, text: str) -> None:
    """The tiny tokenizer makes a token of every byte; what looks like a special token is text, too."""
    assert preview(client, text).json()["tokens"] == len(text.encode())


def test_another_model_counts_as_soon_as_it_is_current(client: Client, current: ModelVersion, tmp_path: Path) -> None:
    assert preview(client, "Tea is hot.").json()["tokens"] == 11
    path = make_tiny_model(tmp_path / "wordy")
    whole = {"type": "WordLevel", "vocab": {"Tea": 0, "is": 1, "hot": 2, ".": 3, "?": 4}, "unk_token": "?"}
    config = json.loads((path / "tokenizer.json").read_text())
    config |= {"model": whole, "pre_tokenizer": {"type": "Whitespace"}, "added_tokens": [], "post_processor": None}
    (path / "tokenizer.json").write_text(json.dumps(config))
    promoted(path)
    assert preview(client, "Tea is hot.").json()["tokens"] == 4


def test_a_model_whose_files_are_gone_leaves_the_preview_without_tokens(client: Client, current: ModelVersion) -> None:
    (Path(current.path) / "tokenizer.json").unlink()
    answer = preview(client, "Tea")
    assert (answer.status_code, answer.json()["tokens"]) == (200, None)


def test_the_tokenizer_is_read_once(
    client: Client,
    current: ModelVersion,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: Callable[..., Any],
) -> None:
    assert preview(client, "Tea").json()["tokens"] == 3
    monkeypatch.setattr("lm.prompt_tokens.Tokenizer", None)
    with django_assert_num_queries(3):  # session, user, the current model
        assert preview(client, "Tea.").json()["tokens"] == 4


@pytest.mark.parametrize("sent", [{}, {"text": None}, {"text": 3}, {"text": ["Tea"]}, []])
def test_what_is_no_text_is_refused(client: Client, sent: object) -> None:
    assert client.post("/preview/", json.dumps(sent), "application/json").status_code == 400


def test_more_than_a_demonstration_may_have_is_refused_with_the_limit(client: Client) -> None:
    assert preview(client, "茶" * 100_000).status_code == 200
    answer = preview(client, "茶" * 100_001)
    assert answer.status_code == 400
    assert "at most 100,000 characters" in answer.json()["text"][0]


def test_strangers_see_nothing_and_another_site_can_not_ask(alice: Labeler) -> None:
    assert preview(Client(), "Tea").status_code == 403
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(User.objects.get(pk=alice.user_id))
    assert preview(careful, "Tea").status_code == 403


def test_only_asking_with_a_text_is_possible(client: Client) -> None:
    assert client.get("/preview/").status_code == 405


def test_the_page_states_the_limit_and_has_the_preview_and_the_keys(client: Client) -> None:
    make_prompt(make_campaign())
    html = client.get(client.post("/next/demonstration/")["Location"]).content.decode()
    assert "At most 100,000 characters." in html
    assert 'data-preview="/preview/"' in html
    assert "Show or hide the preview" in html
