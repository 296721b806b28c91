"""The gateway, asked by OpenAI's own client and by plain requests, in front of a real server with tiny models."""

import json
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx2
import openai
import psutil
import pytest
import redis
from django.contrib.auth.models import Group, Permission, User
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from labeling.base.refusals import ServingRefused, ServingUnavailable
from labeling.base.states import ApiScope
from labeling.conversations.services.consent import record_agreement
from labeling.models import ApiToken, ChatUsage, ModelVersion, ServedConversation, ServerReport
from labeling.people.tokens.services import make_token, revoke_token
from labeling.serving.services.following import follow_promotions
from labeling.serving.services.reports import report_server
from labeling.serving.services.server import ServerStream, question
from labeling.serving.services.streaming import ChoiceEnded, Sampling, TextAdded, TokensUsed, stream_chat
from sampler.chat_contract import answers as written
from sampler.chat_contract.requests import ChatRequest
from tests.labeling.admin_cast import admin_browser
from tests.labeling.api.programs import make_account
from tests.labeling.console.test_control_room import rows_of
from tests.labeling.models_in_use import promoted, registered
from tests.labeling.serving.programs import HELLO, MAY_ASK, ask, program, token_for
from tests.processes import Processes, free_port, processes, until
from tests.sampler.backends.scripted_server import scripted_server, streaming
from tests.tiny_models import CONTEXT_LENGTH, make_tiny_model

SECRET = "open sesame"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: make_tiny_model(folder / name, seed=seed) for seed, name in enumerate(("sft-1", "sft-2"))}


class Serving:
    """`python -m sampler serve` with nothing loaded, a process that can be killed and started again."""

    def __init__(self, started: Processes) -> None:
        self.started = started
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.started.start("serving", *f"-m sampler serve --port {self.port} --device cpu --dtype float32".split())
        self.started.wait_for("the server answers", lambda: answers(self.address))

    def kill(self) -> None:
        self.started.kill("serving")


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    environment = os.environ | {"SERVING_SECRET": SECRET}
    with processes(environment, tmp_path_factory.mktemp("logs")) as started:
        serving = Serving(started)
        serving.start()
        yield serving


def answers(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/health").is_success
    except httpx2.HTTPError:
        return False


@pytest.fixture
def served(serving: Serving, settings: Settings) -> str:
    """Its address, with nothing loaded: what another test had loaded is not what is current now."""
    server = serving.address
    settings.SERVING_URL, settings.SERVING_SECRET = server, SECRET
    for name in ("sft-1", "sft-2"):
        httpx2.delete(f"{server}/models/{name}", headers={"Authorization": f"Bearer {SECRET}"})
    return server


@pytest.fixture
def current(db: None, models: dict[str, Path]) -> ModelVersion:
    return promoted(models["sft-1"])


def models_of(address: str) -> dict[str, Any]:
    said = httpx2.get(f"{address}/models", headers={"Authorization": f"Bearer {SECRET}"}).json()
    models: dict[str, Any] = said["models"]
    return models


def in_flight(address: str) -> int:
    return sum(model["in_flight"] for model in models_of(address).values())


@pytest.mark.django_db(transaction=True)
def test_openai_s_client_works_unchanged(
    served: str, models: dict[str, Path], live_server: LiveServer, settings: Settings
) -> None:
    promoted(models["sft-1"])
    token, secret = token_for()
    client = openai.OpenAI(base_url=f"{live_server.url}/v1", api_key=secret, max_retries=0)

    assert [model.id for model in client.models.list()] == ["policy", "sft-1"]
    assert client.models.retrieve("sft-1").object == "model"

    settings_of: Any = {"model": "policy", "messages": HELLO, "n": 2, "seed": 7, "max_tokens": 24, "logprobs": True}
    whole = client.chat.completions.with_raw_response.create(**settings_of)
    said = whole.parse()
    assert whole.headers["x-prompt-kept"] == "no"
    assert said.model == "sft-1"
    assert said.usage is not None
    assert len(said.choices) == 2
    assert said.choices[0].message.content != said.choices[1].message.content
    assert said.choices[0].logprobs is not None

    texts = ["", ""]
    chunks = list(client.chat.completions.create(**settings_of, stream=True, stream_options={"include_usage": True}))
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == [choice.message.content for choice in said.choices]
    assert chunks[-1].usage == said.usage
    without = list(client.chat.completions.create(**settings_of, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in without)

    until(lambda: ChatUsage.objects.get(token=token).requests == 3)  # the last is counted when it has been sent
    used = ChatUsage.objects.get(token=token)
    assert (used.requests, used.prompt_tokens) == (3, 3 * said.usage.prompt_tokens)
    assert used.completion_tokens == 3 * said.usage.completion_tokens

    create: Any = client.chat.completions.create
    ModelVersion.objects.create(kind="sft", name="untried", path="/nowhere")  # no worker has found it to work
    for unknown in ("gpt-9", "untried"):
        with pytest.raises(openai.NotFoundError) as missing:
            create(model=unknown, messages=HELLO)
        assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        create(model="policy", messages=HELLO, frequency_penalty=1)
    assert wrong.value.param == "frequency_penalty"
    with pytest.raises(openai.BadRequestError, match=str(CONTEXT_LENGTH)) as long:
        create(model="policy", messages=[{"role": "user", "content": "x" * CONTEXT_LENGTH}])
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="concord_wrong").models.list()
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="policy", input="x")
    settings.SERVING_REQUESTS_PER_MINUTE = 1
    with pytest.raises(openai.RateLimitError) as often:
        create(model="policy", messages=HELLO)
    assert int(often.value.response.headers["retry-after"]) > 0
    assert ChatUsage.objects.get(token=token).requests == 3  # refusals cost nothing
    client.close()  # and with it the server's thread that waits for more


@pytest.mark.django_db
def test_a_program_needs_scope_and_permission(current: ModelVersion) -> None:
    _, other_scope = make_token(user=make_account("olga", MAY_ASK), name="x", scopes=[ApiScope.SCORES])
    _, no_permission = make_token(user=make_account("nils", ()), name="x", scopes=[ApiScope.CHAT])
    for secret in (other_scope, no_permission):
        refused = ask(program(secret))
        assert refused.status_code == 403
        assert refused.json()["error"]["type"] == "permission_error"
    assert ask(Client()).status_code == 401
    assert Client().get("/v1/models").json()["error"]["code"] == "invalid_api_key"
    assert program(token_for()[1]).get("/v1/chat/completions").status_code == 405


@pytest.mark.django_db
def test_what_is_taken_from_a_program_is_gone_with_its_next_request() -> None:
    def status(secret: str) -> int:
        return program(secret).get("/v1/models").status_code

    token, secret = token_for()
    account = token.user
    assert status(secret) == 200
    account.user_permissions.clear()
    assert status(secret) == 403
    group = Group.objects.create(name="programs")
    group.permissions.add(Permission.objects.get(codename=MAY_ASK[0]))
    account.groups.add(group)
    assert status(secret) == 200
    account.groups.clear()
    assert status(secret) == 403
    User.objects.filter(pk=account.pk).update(is_superuser=True)
    assert status(secret) == 200
    User.objects.filter(pk=account.pk).update(is_active=False)
    assert status(secret) == 401
    User.objects.filter(pk=account.pk).update(is_active=True)
    ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now())
    assert status(secret) == 401
    ApiToken.objects.filter(pk=token.pk).update(expires_at=None)
    assert status(secret) == 200
    revoke_token(token)
    assert status(secret) == 401


def test_the_day_s_tokens_run_out_and_another_program_s_are_its_own(served: str, current: ModelVersion) -> None:
    _, first = token_for("petra", tokens_per_day=5)
    _, second = token_for("paul")
    assert ask(program(first)).status_code == 200
    refused = ask(program(first))
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "insufficient_quota"
    assert 0 < int(refused["Retry-After"]) <= 24 * 3600 + 1
    assert ask(program(second)).status_code == 200
    said = program(first).get("/v1/usage").json()
    assert [day["requests"] for day in said["data"]] == [1]
    assert said["tokens_per_day"] == 5
    assert "paul" not in json.dumps(said)
    assert ask(program(second)).status_code == 200
    assert program(first).get("/v1/usage").json() == said
    assert program(second).get("/v1/usage").json()["data"][0]["requests"] == 2


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_costs_two_statements_one_round_trip_to_redis_and_no_connection(
    served: str, serving: Serving, current: ModelVersion, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    """Each is a part of what the gateway adds: one before the answer, and one, the ledger's, behind it."""
    token, secret = token_for()
    client, read = program(secret), answered_in_one_piece if not stream else answered_in_pieces
    read(client)
    before = connected_from(serving.port)
    commands = count_commands(monkeypatch)
    with CaptureQueriesContext(connection) as queries:
        read(client)
    assert [each["sql"].split()[0] for each in queries] == ["EXECUTE", "INSERT"]
    assert commands == ["EVAL"]
    assert before
    assert connected_from(serving.port) == before, "the connection to the server was used again"
    assert ChatUsage.objects.get(token=token).requests == 2


def test_a_request_that_is_kept_costs_a_bounded_number_of_statements(served: str, current: ModelVersion) -> None:
    token, secret = token_for()
    record_agreement(token=token, agreed=True, agreement="Signed by Petra.", by=User.objects.create_superuser("ada"))
    client = program(secret)
    answered_in_one_piece(client)
    with CaptureQueriesContext(connection) as queries:
        answered_in_one_piece(client)
    assert len(queries) <= 14, [each["sql"] for each in queries]


def count_commands(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What Redis is asked from now on."""
    commands: list[Any] = []
    execute: Any = redis.Redis.execute_command

    def counted(client: redis.Redis, *command: Any, **options: Any) -> Any:
        commands.append(command[0])
        return execute(client, *command, **options)

    monkeypatch.setattr(redis.Redis, "execute_command", counted)
    return commands


def answered_in_one_piece(client: Client) -> None:
    assert ask(client).status_code == 200


def answered_in_pieces(client: Client) -> None:
    assert b"".join(ask(client, stream=True).streaming_content).endswith(b"data: [DONE]\n\n")


def connected_from(port: int) -> set[int]:
    """This process's own ports that are connected to another one's."""
    found = psutil.Process().net_connections("tcp")
    return {
        each.laddr.port for each in found if each.raddr and each.raddr.port == port and each.status == "ESTABLISHED"
    }


@pytest.fixture
def _connection_kept() -> Iterator[None]:
    """As Django's test client has it: the end of a request would close the test's own connection to the database."""
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@pytest.mark.usefixtures("_connection_kept")
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_counted_once_it_is_sent_and_also_where_nobody_takes_it(
    served: str, current: ModelVersion, stream: bool
) -> None:
    token, secret = token_for()
    body = {"model": "policy", "messages": HELLO, "max_tokens": 4, "stream": stream}
    requests = RequestFactory(headers={"authorization": f"Bearer {secret}"})

    def begun() -> Any:
        asked = requests.post("/v1/chat/completions", body, content_type="application/json")
        application: Any = WSGIHandler()
        return application(asked.environ, lambda *_: None)

    response = begun()
    pieces = iter(response)
    sent = b""
    while not sent.endswith(b"data: [DONE]\n\n" if stream else b"}"):
        sent += next(pieces)
    assert not ChatUsage.objects.exists()
    assert next(pieces, None) is None
    response.close()
    assert ChatUsage.objects.get(token=token).requests == 1

    left = begun()
    if stream:
        next(iter(left))
    left.close()
    until(lambda: ChatUsage.objects.get(token=token).requests == 2)


def test_neither_tokens_nor_texts_are_logged(
    served: str, current: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    _, secret = token_for()
    with caplog.at_level(logging.DEBUG):
        private = [{"role": "user", "content": "a private matter"}]
        said = ask(program(secret), messages=private, max_tokens=20, n=8, seed=1)
        ask(program(secret), model="gpt-9")
        ask(program(f"{secret}x"))
    texts = [choice["message"]["content"] for choice in said.json()["choices"]]
    assert "chat completion: token_id=" in caplog.text
    assert secret not in caplog.text
    assert "private matter" not in caplog.text
    long = [text for text in texts if len(text) > 5]  # a short one may be part of anything
    assert long
    assert not [text for text in long if text in caplog.text]


def test_a_reader_who_leaves_frees_the_row_and_is_counted(served: str, current: ModelVersion) -> None:
    token, secret = token_for()
    response = ask(program(secret), stream=True, max_tokens=400, seed=1)
    pieces = iter(response.streaming_content)
    for _ in range(3):
        next(pieces)
    response._iterator.close()  # response.close() would close the test's own connection to the database
    until(lambda: in_flight(served) == 0, seconds=10)
    used = ChatUsage.objects.get(token=token)
    assert 0 < used.completion_tokens < 400
    assert used.prompt_tokens > 0


def test_a_server_killed_in_the_middle_is_an_error_in_openai_s_shape_and_all_goes_on_when_it_is_back(
    served: str, serving: Serving, current: ModelVersion
) -> None:
    token, secret = token_for()
    client = program(secret)
    pieces = iter(ask(client, stream=True, max_tokens=400, n=4, seed=1).streaming_content)
    for _ in range(3):
        next(pieces)
    waiting = ThreadPoolExecutor(1).submit(in_one_piece, served)
    until(lambda: in_flight(served) == 2)
    serving.kill()
    rest = b"".join(pieces).decode().split("\n\n")
    assert rest[-2:] == ["data: [DONE]", ""]
    error = json.loads(rest[-3].removeprefix("data: "))["error"]
    assert error["type"] == "overloaded_error"
    assert error["message"].startswith("The server of the language models does not answer")
    assert isinstance(waiting.exception(), ServingUnavailable), "whoever waits for the whole answer is told as well"
    assert 0 < ChatUsage.objects.get(token=token).completion_tokens < 1600, "what was read before is counted, once"
    down = ask(client)
    assert (down.status_code, down["Retry-After"]) == (503, "10")

    serving.start()
    follow_promotions()
    until(lambda: ask(client).status_code == 200)
    assert in_flight(served) == 0
    assert ChatUsage.objects.get(token=token).requests == 2, "refusals cost nothing"


def in_one_piece(address: str) -> None:
    """As the gateway asks, without a database."""
    asked = ChatRequest(model="policy", messages=HELLO, max_tokens=400, n=4, seed=1, stream=True)
    with ServerStream(question(asked, scope="")) as stream:
        list(stream)


def test_policy_moves_to_what_is_promoted_and_versions_keep_their_names(
    served: str, current: ModelVersion, models: dict[str, Path]
) -> None:
    client = program(token_for()[1])
    assert ask(client).json()["model"] == "sft-1"
    promoted(models["sft-2"])
    begun = ask(client, stream=True, max_tokens=300, seed=2)
    pieces = iter(begun.streaming_content)
    assert b'"model":"sft-1"' in next(pieces)  # until the new one is loaded
    follow_promotions()
    until(lambda: ask(client).json()["model"] == "sft-2")
    rest = b"".join(pieces)
    assert b"sft-2" not in rest
    assert rest.endswith(b"data: [DONE]\n\n")
    assert ask(client, model="sft-1").json()["model"] == "sft-1"
    follow_promotions()  # nothing to do


def test_pages_ask_for_events(served: str, current: ModelVersion, models: dict[str, Path]) -> None:
    other = registered(models["sft-2"])
    sampling = Sampling(seed=3, max_tokens=30)
    stream = stream_chat(version=other, messages=HELLO, sampling=sampling, scope="labeler-1")
    assert stream.model == "sft-2"
    events = list(stream)
    text = "".join(event.text for event in events if isinstance(event, TextAdded))
    assert text
    assert isinstance(events[-2], ChoiceEnded)
    assert isinstance(events[-1], TokensUsed)
    again = stream_chat(version=other, messages=HELLO, sampling=sampling, scope="labeler-1")
    assert "".join(event.text for event in again if isinstance(event, TextAdded)) == text
    left = stream_chat(version=None, messages=HELLO, sampling=Sampling(max_tokens=400), scope="")
    left.close()
    until(lambda: in_flight(served) == 0, seconds=10)
    with pytest.raises(ServingRefused, match=str(CONTEXT_LENGTH)):
        stream_chat(version=None, messages=[{"role": "user", "content": "x" * 600}], sampling=sampling, scope="")


def test_what_was_consented_to_is_kept_and_the_header_says_so(served: str, current: ModelVersion) -> None:
    token, secret = token_for()
    client = program(secret)
    assert ask(client)["X-Prompt-Kept"] == "no"
    record_agreement(token=token, agreed=True, agreement="Signed by Petra.", by=User.objects.create_superuser("ada"))
    whole = ask(client, messages=[{"role": "user", "content": "Keep this"}], max_tokens=20, seed=4)
    assert whole["X-Prompt-Kept"] == "yes"
    streamed = ask(client, messages=[{"role": "user", "content": "And this"}], max_tokens=20, seed=4, stream=True)
    assert streamed["X-Prompt-Kept"] == "yes"
    assert b"".join(streamed.streaming_content)
    assert ask(client, messages=[{"role": "user", "content": "Not this"}], store=False)["X-Prompt-Kept"] == "no"
    kept = [list(each.turns.order_by("position")) for each in ServedConversation.objects.order_by("pk")]
    assert [turns[0].content for turns in kept] == ["Keep this", "And this"]
    assert kept[0][1].content == whole.json()["choices"][0]["message"]["content"].strip()
    assert {turns[1].model_version for turns in kept} == {current}


@pytest.mark.django_db
def test_without_a_model_or_a_server_programs_are_told_to_come_back(
    settings: Settings, models: dict[str, Path]
) -> None:
    client = program(token_for()[1])
    assert ask(client).status_code == 503
    assert client.get("/v1/models").json() == {"object": "list", "data": []}
    promoted(models["sft-1"])
    settings.SERVING_URL = None
    assert "SERVING_URL" in ask(client).json()["error"]["message"]
    settings.SERVING_URL = f"http://127.0.0.1:{free_port()}"
    down = ask(client)
    assert (down.status_code, down["Retry-After"]) == (503, "10")
    follow_promotions()  # says nothing: it is told when it is back
    with pytest.raises(ServingUnavailable):
        stream_chat(version=None, messages=HELLO, sampling=Sampling(), scope="")
    assert ChatUsage.objects.count() == 0


def test_admins_see_what_the_server_has_without_asking_it(
    served: str, current: ModelVersion, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beat asked it; the page does not. One that does not answer is a row, too, and one that was left is none."""
    follow_promotions()
    until(lambda: models_of(served)["sft-1"]["state"] == "ready")
    left = "http://127.0.0.1:1"
    ServerReport.objects.create(address=left, answers=True, at=timezone.now())
    report_server()
    monkeypatch.setattr("labeling.serving.services.server.models", Mock(side_effect=AssertionError("the page asked")))
    admin = admin_browser()
    [row] = rows_of(admin.get("/control/servers.csv"))
    assert (row["server"], row["state"], row["models"]) == (served, "answers", "sft-1 (policy): loaded")
    assert row["requests"] == "0"
    assert float(row["cache_bytes"]) >= 0
    page = admin.get("/admin/").text
    assert served in page
    assert left not in page

    monkeypatch.undo()
    settings.SERVING_URL = down = f"http://127.0.0.1:{free_port()}"
    report_server()
    [row] = rows_of(admin.get("/control/servers.csv"))
    assert (row["server"], row["state"], row["models"], row["requests"]) == (down, "does not answer", "–", "")
    settings.SERVING_URL = None
    report_server()
    assert rows_of(admin.get("/control/servers.csv")) == []
    assert not ServerReport.objects.exists()


@pytest.mark.django_db
def test_what_is_sent_is_bounded_and_no_text_becomes_an_address(settings: Settings, current: ModelVersion) -> None:
    client = program(token_for()[1])
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE is not None
    large = client.post(
        "/v1/chat/completions", b" " * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1), content_type="application/json"
    )
    assert large.status_code == 413
    deep = client.post("/v1/chat/completions", b"[" * 5000, content_type="application/json")
    assert deep.status_code == 400
    assert ask(client, model="http://169.254.169.254/").status_code == 404
    assert client.get("/v1/nowhere").json()["error"]["code"] == "unknown_url"


@pytest.mark.django_db
def test_half_characters_and_other_scripts_are_taken_or_refused_by_the_field(
    settings: Settings, models: dict[str, Path]
) -> None:
    client = program(token_for()[1])
    promoted(models["sft-1"])
    for field, value in (("user", "\ud800"), ("model", "\0"), ("stop", ["\udfff"]), ("\ud800", 1)):
        refused = ask(client, **{field: value})
        assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")
    with scripted_server(streaming(*SAID)) as server:
        settings.SERVING_URL = server.address.removesuffix("/v1")
        answer = ask(client, messages=[{"role": "user", "content": "你好 👩‍👩‍👧 é"}], user="用户-💡", stop=["。"])
    assert answer.json()["choices"][0]["message"]["content"] == "好的 👍"
    assert server.requests[0]["messages"] == [{"role": "user", "content": "你好 👩‍👩‍👧 é"}]
    assert server.requests[0]["stop"] == ["。"]


SAID = [
    "data: " + json.dumps(written.chunk(name="c", created=1, model="sft-1", choices=choices), ensure_ascii=False)
    for choices in (
        [written.chunk_choice(0, {"role": "assistant", "content": ""})],
        [written.chunk_choice(0, {"content": "好的 👍"}, "stop")],
    )
] + ["data: [DONE]"]  # fmt: skip


@pytest.mark.django_db
def test_neither_another_program_nor_another_user_of_one_shares_a_cache(
    settings: Settings, models: dict[str, Path]
) -> None:
    """What the server does by these names is held by its own tests: nobody's prompt begins with another's keys."""
    promoted(models["sft-1"])
    petra, paul = (program(token_for(name)[1]) for name in ("petra", "paul"))
    with scripted_server(streaming(*SAID)) as server:
        settings.SERVING_URL = server.address.removesuffix("/v1")
        for client, user in ((petra, "kim"), (petra, "lee"), (paul, "kim"), (petra, "kim"), (petra, "")):
            assert ask(client, user=user).status_code == 200
    first, *others = server.scopes
    assert len(set(server.scopes)) == 4
    assert others[2] == first, "who goes on with their own conversation finds it again"
    assert not any("kim" in str(scope) for scope in server.scopes)
    assert "scope" not in json.dumps(server.requests), "no field of a request names one"
