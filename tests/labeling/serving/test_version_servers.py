"""Versions that a server of their own samples, asked through the gateway: a scripted server in the place of vLLM."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from labeling.base.states import ModelBackend
from labeling.model_versions.services.backends import choose_backend
from labeling.models import ChatUsage, ModelVersion
from labeling.serving.services.following import follow_promotions
from labeling.serving.services.streaming import Sampling, TextAdded, TokensUsed, stream_chat
from tests.labeling.models_in_use import promoted, tried
from tests.labeling.serving.programs import HELLO, ask, program, token_for
from tests.sampler.backends.scripted_server import Answer, ScriptedServer, failing, scripted_server, streaming
from tests.tiny_models import CONTEXT_LENGTH, make_tiny_model

pytestmark = pytest.mark.django_db
DONE = "data: [DONE]"


def chunk(*choices: dict[str, Any], **more: Any) -> str:
    """As vLLM writes them, with what Concord does not pass on."""
    said = {"id": "cmpl-1", "created": 1, "model": "served", "object": "chat.completion.chunk", "choices": choices}
    return "data: " + json.dumps(said | more)


def of(text: str, index: int = 0, **more: Any) -> dict[str, Any]:
    return {"index": index, "delta": {"content": text}, "token_ids": None, "finish_reason": None} | more


ANSWER = (
    chunk({"index": 0, "delta": {"role": "assistant", "content": ""}}),
    chunk(of("Good "), usage={"prompt_tokens": 9, "completion_tokens": 1}),
    chunk(of("day.", finish_reason="stop"), usage={"prompt_tokens": 9, "completion_tokens": 2}),
    chunk(usage={"prompt_tokens": 9, "total_tokens": 11, "completion_tokens": 2, "prompt_tokens_details": None}),
    DONE,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "sft-1")


def sampled_from(server: ScriptedServer, path: Path, settings: Settings, backend: ModelBackend) -> ModelVersion:
    settings.SAMPLING_SERVERS, settings.SAMPLING_SERVER_API_KEY = [server.address], "the key"
    settings.SERVING_URL = None  # nothing is asked of our own
    version = promoted(path)
    choose_backend(version=version, backend=backend, server=server.address, served_name="served")
    return tried(version)


@pytest.fixture
def client() -> Client:
    return program(token_for()[1])


def events(response: Any) -> Iterator[Any]:
    for line in b"".join(response.streaming_content).decode().split("\n\n"):
        if line.startswith("data: {"):
            yield json.loads(line[6:])


def answering(*events: str) -> Answer:
    return streaming(*events)


def test_it_is_asked_there_under_the_name_that_it_has_there(path: Path, settings: Settings, client: Client) -> None:
    with scripted_server(answering(*ANSWER)) as server:
        version = sampled_from(server, path, settings, ModelBackend.VLLM)
        whole = ask(client, n=1, seed=4, stop="x", top_k=5, logprobs=False, user="u-1")
        streamed = list(events(ask(client, model=version.name, stream=True, user="u-2", max_tokens=None)))
        follow_promotions()  # nothing is loaded for it
    said = whole.json()
    assert (said["model"], said["choices"][0]["message"]["content"]) == (version.name, "Good day.")
    assert said["choices"][0]["finish_reason"] == "stop"
    assert said["usage"] == {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    assert "".join(each["choices"][0]["delta"].get("content", "") for each in streamed) == "Good day."
    assert {each["model"] for each in streamed} == {version.name}
    assert "token_ids" not in json.dumps(streamed)
    first, second = server.requests
    assert server.keys == ["Bearer the key"] * 2
    assert (first["model"], first["seed"], first["stop"], first["top_k"], first["max_tokens"]) == (
        "served", 4, ["x"], 5, 4,
    )  # fmt: skip
    assert second["max_tokens"] < CONTEXT_LENGTH, "what the context has room for"
    assert first["cache_salt"] != second["cache_salt"], "another user's prompt is not found in its cache"
    used = ChatUsage.objects.get()
    assert (used.requests, used.prompt_tokens, used.completion_tokens) == (2, 18, 4)


def test_pages_get_its_events(path: Path, settings: Settings) -> None:
    with scripted_server(answering(*ANSWER)) as server:
        sampled_from(server, path, settings, ModelBackend.OPENAI)
        got = list(stream_chat(version=None, messages=HELLO, sampling=Sampling(), scope=""))
    assert "".join(event.text for event in got if isinstance(event, TextAdded)) == "Good day."
    assert got[-1] == TokensUsed(prompt_tokens=9, completion_tokens=2)
    assert "cache_salt" not in server.requests[0]


def test_what_it_can_not_be_asked_is_refused_before_it_is_asked(path: Path, settings: Settings, client: Client) -> None:
    with scripted_server(answering(*ANSWER)) as server:
        sampled_from(server, path, settings, ModelBackend.OPENAI)
        refused = ask(client, top_k=5)
        long = ask(client, messages=[{"role": "user", "content": "x" * 2 * CONTEXT_LENGTH}])
        settings.SAMPLING_SERVERS = []  # whoever sets the environment has taken it away
        gone = ask(client)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "top_k")
    assert (long.status_code, long.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert gone.status_code == 503
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (failing(404, "The model `served` does not exist."), "knows no model"),
        (failing(401), "does not answer"),
        (failing(500), "does not answer"),
        (streaming("data: {", DONE), "does not answer"),
        (streaming(DONE), "does not answer"),
        (streaming('data: {"choices": 3}'), "otherwise than OpenAI"),
        (streaming(chunk(of("Go", finish_reason="abort"))), "broke the answer off"),
    ],
)
def test_a_server_that_fails_is_a_503_in_openai_s_shape(
    path: Path, settings: Settings, client: Client, answer: Answer, said: str
) -> None:
    with scripted_server(answer) as server:
        sampled_from(server, path, settings, ModelBackend.VLLM)
        response = ask(client)
    assert response.status_code == 503
    assert said in response.json()["error"]["message"]
    assert "the key" not in response.text


def test_a_stream_that_breaks_off_says_so_and_what_came_is_counted(
    path: Path, settings: Settings, client: Client
) -> None:
    with scripted_server(answering(chunk(of("Good ")), chunk(of("day.")))) as server:
        sampled_from(server, path, settings, ModelBackend.SGLANG)
        last = list(events(ask(client, stream=True)))[-1]
    assert last["error"]["message"].startswith("The server of the language models does not answer")
    assert ChatUsage.objects.get().completion_tokens == 2
