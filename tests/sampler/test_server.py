"""`python -m sampler serve`, asked as OpenAI's client asks: a real server in a thread, with two tiny models."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
import uvicorn

from sampler.protocol import SampleRequest
from sampler.server import answering
from sampler.server.app import MOST_BODY_BYTES, Server
from sampler.server.command import main
from sampler.server.hosted import Hosted
from sampler.server.shelf import Shelf
from tests.processes import free_port, until
from tests.tiny_models import CONTEXT_LENGTH, make_tiny_model

HELLO: Any = [{"role": "user", "content": "Hello"}]
LONG = 400
"""Tokens of an answer that is still on its way when a test does something."""


class Served:
    """The server, its address, and OpenAI's client of it."""

    listener: Any

    def __init__(self, shelf: Shelf, server: Server, paths: dict[str, Path], port: int) -> None:
        self.shelf = shelf
        self.server = server
        self.paths = paths
        self.address = f"http://127.0.0.1:{port}"
        self.port = port
        self.client = openai.OpenAI(base_url=f"{self.address}/v1", api_key="none", max_retries=0)

    def hosted(self, name: str) -> Hosted:
        hosted = self.shelf.places[name].hosted
        assert hosted is not None
        return hosted

    def put(self, name: str, *aliases: str, path: str = "") -> httpx2.Response:
        body = {"path": path or str(self.paths[name]), "aliases": list(aliases)}
        return httpx2.put(f"{self.address}/models/{name}", json=body)

    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx2.get(f"{self.address}/models").json()["models"]
        return found

    def is_ready(self, name: str) -> bool:
        return bool(self.told()[name]["state"] == "ready")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    paths = {
        name: make_tiny_model(tmp_path_factory.mktemp(name) / name, seed=seed)
        for seed, name in enumerate(("one", "two", "three"))
    }
    shelf = Shelf(most_models=2, most_waiting=64, device="cpu", dtype="float32")
    server, port = Server(shelf, secret=""), free_port()
    running = uvicorn.Server(uvicorn.Config(server.app, port=port, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=running.run)
    thread.start()
    until(lambda: running.started)
    made = Served(shelf, server, paths, port)
    made.listener = running.servers[0].sockets[0]
    made.put("one", "policy")
    until(lambda: made.is_ready("one"))
    yield made
    running.should_exit = True
    thread.join()


def raw(served: Served, *, receives: int = 0, **fields: Any) -> socket.socket:
    """A request on a socket of its own, of which nothing is read. `receives`: bytes that the kernel takes for it."""
    body = json.dumps({"model": "one", "messages": HELLO, "max_tokens": LONG, "seed": 1, **fields}).encode()
    connection = socket.socket()
    if receives:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    connection.connect(("127.0.0.1", served.port))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    connection.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
    return connection


def ended_early(served: Served, before: int) -> bool:
    """Nothing is on its way, and what was had not come to its end."""
    engine = served.hosted("one").sampler.engine
    return served.hosted("one").in_flight == 0 and not engine.live and engine.sight.new_tokens - before < LONG


def test_an_answer_is_what_the_engine_draws(served: Served) -> None:
    said = served.client.chat.completions.create(
        model="policy", messages=HELLO, n=3, seed=5, max_tokens=12, logprobs=True, temperature=0.9
    )
    sampler = served.hosted("one").sampler
    request = SampleRequest(messages=HELLO, num_completions=3, seed=5, max_new_tokens=12, temperature=0.9)
    prompt = sampler.prompt_tokens(HELLO)
    # In a sampler of its own: the engine of the server's belongs to its thread.
    drawn = type(sampler).load(served.paths["one"], device="cpu", dtype="float32").sample([request])[0]
    assert [choice.message.content for choice in said.choices] == [completion.text for completion in drawn]
    assert [choice.finish_reason for choice in said.choices] == [completion.finish_reason for completion in drawn]
    for choice, completion in zip(said.choices, drawn, strict=True):
        assert choice.logprobs is not None
        assert choice.logprobs.content is not None
        assert [token.logprob for token in choice.logprobs.content] == pytest.approx(completion.logprobs, abs=1e-4)
    assert said.usage is not None
    assert said.usage.prompt_tokens == len(prompt)  # once
    assert said.usage.completion_tokens == sum(completion.token_count for completion in drawn)
    assert (said.model, said.system_fingerprint, said.object) == ("one", "one", "chat.completion")
    assert said.id.startswith("chatcmpl-")


def test_the_likeliest_tokens_stand_beside_each_token_in_one_piece_and_in_a_stream(served: Served) -> None:
    settings: Any = {
        "model": "one", "messages": HELLO, "seed": 5, "max_tokens": 6, "temperature": 0.0, "logprobs": True,
        "top_logprobs": 3,
    }  # fmt: skip
    beside = served.client.chat.completions.create(**settings, n=2).choices[1].logprobs.content
    for token in beside:
        assert len(token.top_logprobs) == 3
        assert token.top_logprobs[0].token == token.token, "greedy: the likeliest is the one that was drawn"
        assert token.top_logprobs[0].logprob == pytest.approx(token.logprob, abs=1e-5)
        assert sorted((each.logprob for each in token.top_logprobs), reverse=True) == [
            each.logprob for each in token.top_logprobs
        ]
    streamed = [
        token
        for chunk in served.client.chat.completions.create(**settings, stream=True)
        for choice in chunk.choices
        for token in (choice.logprobs.content if choice.logprobs else ())
    ]
    assert [[each.token for each in token.top_logprobs] for token in streamed] == [
        [each.token for each in token.top_logprobs] for token in beside
    ]


def test_a_stream_is_the_same_answer_in_pieces(served: Served) -> None:
    """No piece ends inside a character, though this model writes bytes at random."""
    settings: Any = {"model": "one", "messages": HELLO, "n": 2, "seed": 7, "max_tokens": 60}
    whole = served.client.chat.completions.create(**settings)
    chunks = list(
        served.client.chat.completions.create(**settings, stream=True, stream_options={"include_usage": True})
    )
    texts, ends = ["", ""], ["", ""]
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            ends[choice.index] += choice.finish_reason or ""
    assert texts == [choice.message.content for choice in whole.choices]
    assert ends == [choice.finish_reason for choice in whole.choices]
    assert len(chunks) > 10
    assert (chunks[-1].choices, chunks[-1].usage) == ([], whole.usage)
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_the_bytes_of_a_stream_end_with_done(served: Served) -> None:
    body = {"model": "one", "messages": HELLO, "stream": True, "max_tokens": 2}
    said = httpx2.post(f"{served.address}/v1/chat/completions", json=body)
    assert said.headers["content-type"].startswith("text/event-stream")
    assert said.headers["x-accel-buffering"] == "no"
    assert said.text.endswith("data: [DONE]\n\n")


def test_a_stop_ends_the_answer_and_is_not_in_it(served: Served) -> None:
    settings: Any = {"model": "one", "messages": HELLO, "seed": 3, "max_tokens": 40}
    text = served.client.chat.completions.create(**settings).choices[0].message.content
    assert text
    stop = text[5:8]
    for stream in (False, True):
        said: Any = served.client.chat.completions.create(**settings, stop=[stop], stream=stream)
        if stream:
            parts = [chunk.choices[0] for chunk in said]
            found, end = "".join(part.delta.content or "" for part in parts), parts[-1].finish_reason
        else:
            found, end = said.choices[0].message.content, said.choices[0].finish_reason
        assert (found, end) == (text[: text.index(stop)].rstrip(), "stop")


def test_refusals_are_the_client_s_own_exceptions(served: Served) -> None:
    create: Any = served.client.chat.completions.create
    with pytest.raises(openai.NotFoundError) as missing:
        create(model="gpt-9", messages=HELLO)
    assert (missing.value.param, missing.value.code) == ("model", "model_not_found")
    with pytest.raises(openai.BadRequestError) as wrong:
        create(model="one", messages=HELLO, temperature=9)
    assert wrong.value.param == "temperature"
    with pytest.raises(openai.BadRequestError) as long:
        create(model="one", messages=[{"role": "user", "content": "x" * CONTEXT_LENGTH}])
    assert long.value.code == "context_length_exceeded"
    assert str(CONTEXT_LENGTH) in str(long.value)
    with pytest.raises(openai.BadRequestError, match=str(CONTEXT_LENGTH)):
        create(model="one", messages=HELLO, max_tokens=CONTEXT_LENGTH)


def test_bodies_are_json_and_bounded(served: Served) -> None:
    address = f"{served.address}/v1/chat/completions"
    header = {"Content-Type": "application/json"}
    assert httpx2.post(address, content=b"{", headers=header).status_code == 400
    assert httpx2.post(address, content=b"[" * 100_000, headers=header).status_code == 400
    plain = httpx2.post(address, content=b"{}", headers={"Content-Type": "text/plain"})
    assert plain.status_code == 415  # what a page elsewhere could send without asking
    large = httpx2.post(address, content=b" " * (MOST_BODY_BYTES + 1), headers=header)
    assert large.status_code == 413
    assert large.json()["error"]["code"] == "too_large"
    assert httpx2.get(f"{served.address}/nowhere").json()["error"]["type"] == "not_found_error"


@pytest.mark.parametrize("stream", [False, True])
def test_who_hangs_up_leaves_no_row(served: Served, *, stream: bool) -> None:
    engine = served.hosted("one").sampler.engine
    before = engine.sight.new_tokens
    connection = raw(served, stream=stream)
    until(lambda: engine.sight.new_tokens > before)
    connection.close()
    until(lambda: ended_early(served, before), seconds=10)
    assert served.client.chat.completions.create(model="one", messages=HELLO, max_tokens=1).choices


def test_who_reads_nothing_holds_nobody_up(served: Served) -> None:
    idle = [raw(served, stream=True, logprobs=True) for _ in range(3)]
    try:
        said = served.client.chat.completions.create(model="one", messages=HELLO, max_tokens=5)
        assert said.usage is not None
        assert said.usage.completion_tokens <= 5
    finally:
        for connection in idle:
            connection.close()
    until(lambda: served.hosted("one").in_flight == 0)


def test_who_takes_nothing_for_too_long_is_let_go_of(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Though the connection stays open. Buffers are small, so that the answer is larger than they are."""
    monkeypatch.setattr(answering, "SLOWEST_SECONDS", 0.5)
    usual = served.listener.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    served.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # its connections take it over
    try:
        with raw(served, receives=4096, stream=True, n=4, logprobs=True, top_logprobs=20):
            until(lambda: served.hosted("one").in_flight == 1)
            until(lambda: served.hosted("one").in_flight == 0, seconds=15)
    finally:
        served.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, usual // 2)  # the kernel doubles it
    assert "let go of a reader" in caplog.text


def test_a_conversation_goes_on_where_it_was_and_nobody_else_s(served: Served) -> None:
    prefixes = served.hosted("one").sampler.engine._prefixes
    first = "Tell me about the tides of the sea, please."

    def ask(scope: str, *messages: str) -> int:
        """The tokens that were found in a prefix."""
        before = prefixes.hits
        roles = ("user", "assistant", "user")
        turns: Any = [{"role": role, "content": text} for role, text in zip(roles, messages, strict=False)]
        answer = served.client.chat.completions.create(
            model="one", messages=turns, max_tokens=3, extra_headers={"X-Cache-Scope": scope}
        )
        assert answer.choices
        return prefixes.hits - before

    assert ask("token-1", first) == 0
    assert ask("token-1", first, "They rise.", "Why?") > len(first)
    assert ask("token-2", first, "They rise.", "Why?") == 0
    assert ask("", first, "They rise.", "Why?") == 0


def test_too_many_that_wait_are_sent_away_with_a_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.hosted("one"), "_most_waiting", 0)
    with pytest.raises(openai.InternalServerError) as busy:
        served.client.chat.completions.create(model="one", messages=HELLO)
    assert busy.value.status_code == 503
    assert int(busy.value.response.headers["retry-after"]) > 0


def test_an_engine_that_fails_tells_those_who_wait_and_goes_on(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = served.hosted("one").sampler.engine
    with monkeypatch.context() as broken:
        broken.setattr(engine, "_write", lambda: 1 / 0)
        with pytest.raises(openai.InternalServerError):
            served.client.chat.completions.create(model="one", messages=HELLO, max_tokens=5)
        with pytest.raises(openai.APIError, match="could not go on"):
            list(served.client.chat.completions.create(model="one", messages=HELLO, max_tokens=5, stream=True))
    until(lambda: not engine.live)  # who waited is told a moment before its rows are given up
    assert served.client.chat.completions.create(model="one", messages=HELLO, max_tokens=5).choices


def test_numbers_are_there_for_prometheus(served: Served) -> None:
    served.client.chat.completions.create(model="one", messages=HELLO, max_tokens=1)
    said = httpx2.get(f"{served.address}/metrics").text
    sight = served.hosted("one").sampler.engine.sight
    times = "sampler_time_to_first_token_seconds"
    assert f'{times}_count{{model="one"}} {sight.first_tokens:.1f}' in said
    assert f'{times}_bucket{{le="+Inf",model="one"}} {sight.first_tokens:.1f}' in said
    assert sight.first_tokens_within[30.0] == sight.first_tokens > 0
    assert sum(sight.first_tokens_within.values()) > 0
    assert 'sampler_new_tokens_total{model="one"}' in said
    assert 'sampler_requests_in_flight{model="one"} 0.0' in said
    assert 'sampler_cache_bytes{model="one"}' in said
    assert 'sampler_prefix_tokens_total{model="one"}' in said
    assert httpx2.get(f"{served.address}/health").json() == {"status": "ok", "ready": ["one"]}


def test_what_can_t_be_loaded_says_why(served: Served) -> None:
    assert served.put("broken", path="/nowhere").status_code == 202
    until(lambda: served.told()["broken"]["state"] == "failed")
    with pytest.raises(openai.InternalServerError, match="/nowhere"):
        served.client.chat.completions.create(model="broken", messages=HELLO)
    assert httpx2.delete(f"{served.address}/models/broken").status_code == 204
    assert "broken" not in served.told()


def test_a_switch_of_models_drops_nothing(served: Served) -> None:
    """Last in this file: the server has two others afterwards."""
    create: Any = served.client.chat.completions.create
    old, over = served.hosted("one"), threading.Event()

    def ask_on() -> list[str]:
        models = []
        while not over.is_set():
            models.append(create(model="policy", messages=HELLO, max_tokens=4).model)
        return models

    with ThreadPoolExecutor() as pool:
        asking = [pool.submit(ask_on) for _ in range(3)]
        begun = create(model="policy", messages=HELLO, max_tokens=LONG, seed=1, stream=True)
        first = next(begun)
        served.put("two", "policy")
        until(lambda: served.told()["two"]["aliases"] == ["policy"])
        httpx2.delete(f"{served.address}/models/one")
        assert create(model="policy", messages=HELLO, max_tokens=1).model == "two"
        rest = list(begun)
        time.sleep(0.2)
        over.set()
        models = [model for each in asking for model in each.result()]
    assert {chunk.model for chunk in [first, *rest]} == {"one"}
    assert rest[-1].choices[0].finish_reason in ("stop", "length")
    assert set(models) == {"one", "two"}
    until(lambda: old.has_ended)
    # Of two places one is the current model's; the other goes to whoever was asked for last.
    served.put("three")
    until(lambda: served.is_ready("three"))
    served.put("one")
    assert set(served.told()) == {"two", "one"}


def test_with_a_secret_only_health_is_told_without_it() -> None:
    shelf = Shelf(most_models=1, most_waiting=1, device="cpu", dtype="float32")
    app = Server(shelf, secret="open sesame").app

    async def asked() -> list[int]:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://x") as client:
            right, wrong = ({"Authorization": f"Bearer {word}"} for word in ("open sesame", "open"))
            return [
                (await client.get("/health")).status_code,
                (await client.get("/models")).status_code,
                (await client.get("/v1/models", headers=wrong)).status_code,
                (await client.put("/models/x", json={"path": "/x"}, headers=wrong)).status_code,
                (await client.get("/v1/models", headers=right)).status_code,
            ]

    assert asyncio.run(asked()) == [200, 401, 401, 401, 200]


def test_others_reach_it_only_with_a_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SERVING_SECRET", raising=False)
    for wrong, said in (
        (["--host", "0.0.0.0"], "set SERVING_SECRET"),
        (["--model", "gemma"], "NAME=DIRECTORY"),
        (["--alias", "policy=gemma"], "which no --model names"),
    ):
        with pytest.raises(SystemExit):
            main(wrong)
        assert said in capsys.readouterr().err
