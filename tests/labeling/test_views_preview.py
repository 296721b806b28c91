"""The preview beside the editor: what a text will look like, and how many tokens it is."""

from pathlib import Path

import pytest
from django.test import Client

from labeling.models import ModelVersion
from labeling.states import LabelerState
from tests.labeling.cast import browser_of, make_labeler
from tests.tiny_models import make_tiny_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return browser_of(make_labeler("alice"))


def use(path: str) -> None:
    ModelVersion.objects.create(kind="sft", name="tiny", path=path, state="current")


def test_it_is_rendered_as_readers_will_see_it_and_harmless(client: Client) -> None:
    answer = client.post("/preview/", {"text": "**Bold** <script>alert(1)</script>"})
    assert "<strong>Bold</strong>" in answer.json()["html"]
    assert "<script" not in answer.json()["html"]


def test_tokens_are_those_of_the_model_in_use(client: Client, tmp_path: Path) -> None:
    use(str(make_tiny_model(tmp_path / "model")))  # its tokenizer has a token for each byte
    assert client.post("/preview/", {"text": "leaf"}).json()["tokens"] == 4
    assert client.post("/preview/", {"text": "茶"}).json()["tokens"] == 3


def test_without_a_tokenizer_at_hand_there_is_no_number(client: Client) -> None:
    assert client.post("/preview/", {"text": "leaf"}).json()["tokens"] is None
    use("google/gemma-3-270m")
    assert client.post("/preview/", {"text": "leaf"}).json()["tokens"] is None


def test_what_is_too_long_is_said_and_not_rendered(client: Client) -> None:
    answer = client.post("/preview/", {"text": "x" * 100_001})
    assert answer.status_code == 413
    assert answer.json()["detail"] == "Over 100,000 characters there is no preview."


def test_strangers_and_other_methods_get_nothing(client: Client) -> None:
    assert Client().post("/preview/", {"text": "leaf"}).status_code == 302
    assert client.get("/preview/").status_code == 405


def test_a_suspended_labeler_may_still_look_at_the_own_text() -> None:
    client = browser_of(make_labeler("bob", state=LabelerState.SUSPENDED))
    assert client.post("/preview/", {"text": "leaf"}).status_code == 200
