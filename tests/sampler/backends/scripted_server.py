"""An OpenAI-compatible server in a thread of the test's process, over real sockets, that does what the test says."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Exchange"], None]


class Exchange(BaseHTTPRequestHandler):
    """One request, and how it is answered."""

    protocol_version = "HTTP/1.1"
    body: dict[str, Any]
    server: "_Server"

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        with self.server.lock:
            self.server.scripted.requests.append(self.body)
            self.server.scripted.keys.append(self.headers.get("Authorization"))
            self.server.scripted.scopes.append(self.headers.get("X-Cache-Scope"))
            answers = self.server.scripted.answers
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer(self)

    def log_message(self, *_: object) -> None:
        """Nothing of the tests' own."""

    def reply(self, body: Any, *, status: int = 200, **headers: str) -> None:
        sent = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    lock: threading.Lock
    scripted: "ScriptedServer"

    def handle_error(self, *_: object) -> None:
        """A client that gives up leaves a broken pipe, which is what the tests want."""


@dataclass
class ScriptedServer:
    """`answers` in their order, the last one for ever."""

    address: str
    answers: list[Answer]
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    scopes: list[str | None] = field(default_factory=list)


@contextmanager
def scripted_server(*answers: Answer) -> Iterator[ScriptedServer]:
    server = _Server(("127.0.0.1", 0), Exchange)
    server.lock = threading.Lock()
    server.scripted = ScriptedServer(f"http://127.0.0.1:{server.server_port}/v1", list(answers))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.scripted
    finally:
        server.shutdown()
        server.server_close()


def choice(text: str, logprobs: Sequence[float] = (-0.5, -1.5), reason: str = "stop", **more: Any) -> dict[str, Any]:
    content = [{"token": "x", "logprob": logprob} for logprob in logprobs]
    message = {"role": "assistant", "content": text}
    return {"message": message, "finish_reason": reason, "logprobs": {"content": content}} | more


def as_asked(exchange: Exchange) -> None:
    """As many choices as were asked for, each naming its seed."""
    seed = exchange.body["seed"]
    exchange.reply({"choices": [choice(f"text {seed + index}") for index in range(exchange.body["n"])]})


def saying(*choices: dict[str, Any]) -> Answer:
    return lambda exchange: exchange.reply({"choices": list(choices)})


def failing(status: int, message: str = "no", **headers: str) -> Answer:
    return lambda exchange: exchange.reply({"error": {"message": message}}, status=status, **headers)


def hanging_up(exchange: Exchange) -> None:
    exchange.close_connection = True


def streaming(*events: str, stall: threading.Event | None = None) -> Answer:
    """The events as they are; then, with `stall`, nothing until it is set."""

    def answer(exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.send_header("Content-Type", "text/event-stream")
        exchange.send_header("Connection", "close")
        exchange.end_headers()
        for event in events:
            exchange.wfile.write(f"{event}\n\n".encode())
            exchange.wfile.flush()
        if stall:
            stall.wait(10)
        exchange.close_connection = True

    return answer


def delta(text: str, **more: Any) -> str:
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}} | more]})
