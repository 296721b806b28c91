"""Programs that hang up in the middle of an answer, on a real gunicorn as config/gunicorn.py sets it up."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from labeling.models import ChatUsage
from sampler.chat_contract import answers as written
from tests.labeling.models_in_use import promoted
from tests.labeling.serving.programs import HELLO, token_for
from tests.processes import Processes, free_port, processes
from tests.sampler.backends.scripted_server import Exchange, ScriptedServer, scripted_server
from tests.tiny_models import make_tiny_model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]
THREADS = 2


class Talker:
    """A server of language models that talks until its client hangs up, or says one word where one token is asked for.
    `hung_up` is released each time that a client has."""

    def __init__(self) -> None:
        self.hung_up = threading.Semaphore(0)

    def __call__(self, exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.send_header("Content-Type", "text/event-stream")
        exchange.send_header("Connection", "close")
        exchange.end_headers()
        words = min(exchange.body["max_completion_tokens"], 10_000)
        try:
            for number in range(1, words + 1):
                exchange.wfile.write(chunk(number, "stop" if number == words else None))
                time.sleep(0.005)
            exchange.wfile.write(written.DONE)
        except OSError:
            self.hung_up.release()
        exchange.close_connection = True


def chunk(number: int, finish_reason: str | None) -> bytes:
    choices = [written.chunk_choice(0, {"content": "word "}, finish_reason)]
    said = written.chunk(name="c", created=1, model="tiny", choices=choices)
    return written.event(said | {"usage": written.usage(3, number)})


@dataclass
class Web:
    port: int
    started: Processes
    server: ScriptedServer
    talker: Talker
    secret: str

    def ask(self, *, max_tokens: int, stream: bool) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = {"model": "policy", "messages": HELLO, "max_tokens": max_tokens, "stream": stream}
        headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        return connection

    def answers(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False


@pytest.fixture
def web(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Web]:
    """One process, so that whoever asks next is answered by the one that others hung up on."""
    promoted(make_tiny_model(tmp_path / "tiny"))
    port, talker = free_port(), Talker()
    with scripted_server(talker) as server:
        url = server.address.removesuffix("/v1")
        with processes(process_environment, tmp_path, SERVING_URL=url) as started:
            options = f"-c python:config.gunicorn --workers 1 --threads {THREADS} --bind 127.0.0.1:{port}"
            started.start("web", "-m", "gunicorn", *options.split(), "config.wsgi")
            web = Web(port, started, server, talker, token_for()[1])
            started.wait_for("gunicorn answers", web.answers)
            yield web


def test_whoever_hangs_up_is_counted_the_model_stops_and_the_next_is_answered(web: Web) -> None:
    """More of them than there are threads, some in a stream and some before an answer in one piece."""
    for number, stream in enumerate([True, False] * THREADS, start=1):
        asked = web.ask(max_tokens=20_000, stream=stream)
        connected = asked.sock  # a response after which the server hangs up takes it
        if stream:
            answer = asked.getresponse()  # kept: it closes the socket that it took when it goes
            assert b"word" in answer.readline()
        web.started.wait_for("the model talks", lambda number=number: len(web.server.requests) == number)  # type: ignore[misc]
        connected.shutdown(socket.SHUT_RDWR)
        asked.close()
        assert web.talker.hung_up.acquire(timeout=20)
        web.started.wait_for("it is counted", lambda number=number: requests_counted() == number)  # type: ignore[misc]
    used = ChatUsage.objects.get()
    assert 0 < used.completion_tokens < 4 * 10_000

    answered = web.ask(max_tokens=1, stream=False).getresponse()
    assert json.loads(answered.read())["choices"][0]["message"]["content"] == "word "
    web.started.wait_for("it is counted", lambda: requests_counted() == 2 * THREADS + 1)


def requests_counted() -> int:
    return sum(ChatUsage.objects.values_list("requests", flat=True))
