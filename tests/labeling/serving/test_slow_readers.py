"""Clients that take nothing more of an answer, on a real gunicorn with the project's configuration and one thread."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from labeling.base.live_text import LiveText
from labeling.base.states import CompositionKind
from labeling.conversations.rules.consent import WORDING
from labeling.models import ChatUsage, Consent, Labeler, ModelVersion, ServedTurn
from labeling.writing.services import start_composition
from sampler.chat_contract.answers import chunk, chunk_choice, event, usage
from tests.labeling.cast import browser_of, make_campaign
from tests.labeling.conversations.talks import agrees, policy, served
from tests.labeling.serving.programs import HELLO, token_for
from tests.labeling.writing.suggestions.test_live import ask as say
from tests.processes import Processes, free_port, processes, until
from tests.sampler.backends.scripted_server import Answer, Exchange, ScriptedServer, scripted_server

pytestmark = pytest.mark.django_db(transaction=True)
PIECE = "x" * 200_000
MOST_PIECES = 500
"""100 MB: more than any socket holds."""
PROMPT_TOKENS = 3
CSRF = "c" * 32


class Endless:
    """A models' server whose answer has no end; `let_go`: its reader has hung up."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def answer(self, exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.send_header("Content-Type", "text/event-stream")
        exchange.send_header("Connection", "close")
        exchange.end_headers()
        try:
            for tokens in range(MOST_PIECES):
                choices = [chunk_choice(0, {"role": "assistant", "content": PIECE if tokens else ""})]
                piece = chunk(name="chatcmpl-1", created=1, model="policy-1", choices=choices)
                exchange.wfile.write(event(piece | {"usage": usage(PROMPT_TOKENS, tokens)}))
        except OSError:
            self.let_go.set()
        exchange.close_connection = True


class Web:
    """gunicorn with one process of one thread, and the models' server behind it."""

    def __init__(self, started: Processes, models: ScriptedServer, port: int) -> None:
        self._started = started
        self._models = models
        self._port = port

    def behind(self, answer: Answer) -> None:
        self._models.answers[:] = [answer]

    def connect(self) -> socket.socket:
        connected = socket.socket()
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connected.settimeout(30)
        connected.connect(("127.0.0.1", self._port))
        return connected

    def ask_and_read_nothing(self, method: str, path: str, body: Any = None, **headers: str) -> socket.socket:
        sent = json.dumps(body).encode() if body is not None else b""
        named = {"Host": "127.0.0.1", "Content-Length": str(len(sent)), "Content-Type": "application/json"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        connected = self.connect()
        connected.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + sent)
        return connected

    def wait_until_let_go(self, what: str) -> None:
        said = f"let go of the reader of {what}, who took nothing for 1 seconds"
        self._started.wait_for(said, lambda: said in self.log(), seconds=20)

    def log(self) -> str:
        return (self._started.logs / "web.log").read_text()

    def answers(self) -> bool:
        asking = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            asking.request("GET", "/v1/models", headers={"Connection": "close"})
            return asking.getresponse().status == 401  # without a token
        except OSError:
            return False
        finally:
            asking.close()


@pytest.fixture(scope="module")
def web(database_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    logs, port = tmp_path_factory.mktemp("logs"), free_port()
    with scripted_server(Endless().answer) as models:
        environment = database_environment | {"SERVING_URL": models.address.removesuffix("/v1"), "SERVING_SECRET": "x"}
        with processes(environment, logs) as started:
            options = f"-c python:config.gunicorn --workers 1 --threads 1 --bind 127.0.0.1:{port}"
            started.start("web", "-m", "gunicorn", *options.split(), "tests.labeling.serving.impatient:application")
            web = Web(started, models, port)
            started.wait_for("gunicorn answers", web.answers)
            yield web


@pytest.fixture
def version() -> ModelVersion:
    return served(policy(state="current"))


def test_a_program_s_stream_is_cut_off_counted_and_ended_at_the_models_server(web: Web, version: ModelVersion) -> None:
    token, secret = token_for()
    endless = Endless()
    web.behind(endless.answer)
    asked = {"model": "policy", "messages": HELLO, "stream": True}
    with web.ask_and_read_nothing("POST", "/v1/chat/completions", asked, Authorization=f"Bearer {secret}"):
        assert endless.let_go.wait(20)
        web.wait_until_let_go("POST /v1/chat/completions")
        until(ChatUsage.objects.exists)
    used = ChatUsage.objects.get(token=token)
    assert (used.requests, used.prompt_tokens) == (1, PROMPT_TOKENS)
    assert 0 < used.completion_tokens < MOST_PIECES - 1


def test_a_person_s_stream_is_cut_off_and_what_came_is_kept(web: Web, version: ModelVersion, alice: Labeler) -> None:
    agrees(alice.user, version)
    assert Consent.objects.get().wording == WORDING
    endless = Endless()
    web.behind(endless.answer)
    asked = {"version": version.pk, "messages": HELLO, "temperature": 1.0}
    session = browser_of(alice).cookies["sessionid"].value
    cookies = f"sessionid={session}; csrftoken={CSRF}"
    with web.ask_and_read_nothing("POST", "/playground/answer/", asked, Cookie=cookies, X_CSRFToken=CSRF):
        assert endless.let_go.wait(20)
        web.wait_until_let_go("POST /playground/answer/")
        until(lambda: ServedTurn.objects.filter(role="assistant").exists())
    assert ServedTurn.objects.get(role="assistant").content.startswith("xxx")


def test_a_labeler_s_stream_of_suggestions_is_cut_off(
    web: Web, version: ModelVersion, alice: Labeler, client: Client
) -> None:
    campaign = make_campaign(ask_chats=True, k_min=4, k_max=4)
    asked = say(client, start_composition(labeler=alice, campaign=campaign, kind=CompositionKind.CHAT))
    written = LiveText(str(asked.token))
    for _ in range(60):
        written.add(PIECE)
    path = f"/compose/live/{asked.token}/"
    with web.ask_and_read_nothing("GET", path, Cookie=f"sessionid={client.cookies['sessionid'].value}"):
        web.wait_until_let_go(f"GET {path}")


def test_a_file_that_nobody_takes_is_cut_off(web: Web) -> None:
    with web.ask_and_read_nothing("GET", "/file"):
        web.wait_until_let_go("GET /file")
        assert web.answers()


def test_who_stops_in_the_middle_of_a_request_is_let_go_of(web: Web) -> None:
    with web.connect() as connected:
        connected.sendall(b"GET /v1/models HTTP/1.1\r\nHost: 127")
        assert web.answers(), "the only thread is free again"
        assert connected.recv(1) == b"", "hung up"
