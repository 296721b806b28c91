"""What the model writes is seen while it writes it, by its labeler alone, and stopped at their word."""

import json
import re
from collections.abc import Generator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from labeling.base.states import CompositionKind, SuggestionState
from labeling.models import Composition, Labeler, Message, ModelVersion, SuggestionRequest
from labeling.writing.services import start_composition
from labeling.writing.suggestions.services import answer_request
from sampler.protocol import SampledCompletion, SampleRequest
from tests.labeling.cast import make_campaign, make_labeler
from tests.labeling.scripted_sampler import ScriptedSampler

pytestmark = pytest.mark.django_db


class Growing(ScriptedSampler):
    """Says its text in pieces; `meanwhile` happens after the first."""

    def __init__(self, *pieces: str, meanwhile: Any = lambda: None) -> None:
        super().__init__("".join(pieces))
        self.pieces = pieces
        self.meanwhile = meanwhile
        self.said: list[str] = []

    def stream(self, request: SampleRequest, *, scope: str = "") -> Generator[str, None, SampledCompletion]:
        for piece in self.pieces:
            self.said.append(piece)
            yield piece
            self.meanwhile()
        return self.sample([request])[0][0]


@pytest.fixture
def model() -> ModelVersion:
    return ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")


@pytest.fixture
def chat(alice: Labeler, model: ModelVersion) -> Composition:
    return start_composition(
        labeler=alice, campaign=make_campaign(ask_chats=True, k_min=4, k_max=4), kind=CompositionKind.CHAT
    )


def ask(client: Client, chat: Composition) -> SuggestionRequest:
    client.post(f"/compose/{chat.token}/say/", {"text": "Hi", "language": "en"})
    return SuggestionRequest.objects.get(state=SuggestionState.WAITING)


def events(client: Client, request: SuggestionRequest, *, after: str = "") -> list[tuple[str, str, Any]]:
    """(id, kind, data) of each, up to the end."""
    headers = {"Last-Event-ID": after} if after else {}
    response = client.get(f"/compose/live/{request.token}/", headers=headers)
    assert response.status_code == 200
    assert response["X-Accel-Buffering"] == "no"
    assert response["Content-Type"].startswith("text/event-stream")
    streamed: Any = response
    said = b"".join(streamed.streaming_content).decode()
    found = re.findall(r"^id: (.*)\nevent: (.*)\ndata: (.*)\n\n", said, re.MULTILINE)
    return [(name, kind, json.loads(data)) for name, kind, data in found]


def test_an_answer_is_seen_as_it_grows_and_gone_on_with_where_it_was(
    client: Client, chat: Composition, model: ModelVersion
) -> None:
    request = ask(client, chat)
    answer_request(request_id=request.pk, model=model, sampler=Growing("By the ", "sun, ", "太阳。"))
    seen = events(client, request)
    assert [(kind, data.get("add", "")) for _, kind, data in seen] == [
        ("text", "By the "), ("text", "sun, "), ("text", "太阳。"), ("look", ""), ("end", ""),
    ]  # fmt: skip
    assert len({data["of"] for _, kind, data in seen if kind == "text"}) == 1
    rest = events(client, request, after=seen[0][0])
    assert [data.get("add") for _, kind, data in rest if kind == "text"] == ["sun, ", "太阳。"]
    assert len(events(client, request, after="nonsense\n")) == len(seen)
    assert Message.objects.get(role="assistant").content == "By the sun, 太阳。"


def test_it_is_for_its_labeler_alone(client: Client, chat: Composition) -> None:
    request = ask(client, chat)
    stranger = Client()
    stranger.force_login(make_labeler("charlie").user)
    assert stranger.get(f"/compose/live/{request.token}/").status_code == 404
    assert Client().get(f"/compose/live/{request.token}/").status_code == 302


@pytest.mark.parametrize("address", ["thread/", "say/"])
def test_a_stop_is_visible_and_ends_the_sampling(
    client: Client, chat: Composition, model: ModelVersion, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """`say/` is where the button leads without scripts."""
    monkeypatch.setattr("labeling.writing.suggestions.services.LOOK_SECONDS", 0.0)
    request = ask(client, chat)
    page = client.get(f"/compose/{chat.token}/").content.decode()
    assert 'name="stop"' in page
    assert f"/compose/live/{request.token}/" in page
    sampler = Growing(
        "a", "b", "c", meanwhile=lambda: client.post(f"/compose/{chat.token}/{address}", {"cancel": "1", "stop": "1"})
    )
    answer_request(request_id=request.pk, model=model, sampler=sampler)
    assert "c" not in sampler.said
    request.refresh_from_db()
    assert request.state == SuggestionState.CANCELLED
    assert not Message.objects.filter(role="assistant").exists()
    looked = client.get(f"/compose/{chat.token}/thread/").json()
    assert looked["state"] == ""
    assert looked["said"] == "You stopped the model."
    assert "Ask again" in looked["html"]


def test_without_redis_the_answer_comes_all_the_same(
    client: Client, chat: Composition, model: ModelVersion, settings: Settings
) -> None:
    request = ask(client, chat)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer_request(request_id=request.pk, model=model, sampler=Growing("By the ", "sun."))
    assert events(client, request) == []
    assert Message.objects.get(role="assistant").content == "By the sun."
