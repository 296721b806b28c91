"""The server of the language models (`python -m sampler serve`), as its client: answers as streams, models loaded.

The web process holds no model. Which server is asked is a setting, never what somebody sent. Versions that a server of
their own samples are asked for there (version_server.py), through the same stream.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

import httpx2
from django.conf import settings

from labeling.base.refusals import ServingRefused, ServingUnavailable
from sampler.chat_contract.answers import Chunk
from sampler.chat_contract.requests import ChatRequest, body_of

log = logging.getLogger(__name__)

SCOPE = "X-Cache-Scope"
"""Names whose conversation it is: only prompts of one scope begin with keys that an earlier one left."""
TIMEOUT = httpx2.Timeout(30.0, connect=2.0)
"""The server says every ten seconds that it is at work."""
TOLD_SOON = httpx2.Timeout(5.0, connect=2.0)
"""For what the server answers without a model."""
LOADING_SECONDS = 5
DOWN_SECONDS = 10
"""What Retry-After says."""


class NotLoaded(Exception):
    """The server has no model of that name."""


def as_it_is(chunk: Any) -> Any:
    """Our own server's chunks are what is sent on."""
    return chunk


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a server is sent. `read`: makes chunks of what it answers."""

    url: str
    body: Mapping[str, object]
    headers: Mapping[str, str] = field(repr=False)
    timeout: httpx2.Timeout = field(default_factory=lambda: TIMEOUT)
    read: Callable[[Any], Chunk] = as_it_is


def question(request: ChatRequest, *, scope: str) -> Question:
    """To our own server. Raises ServingUnavailable where none is set up."""
    url = f"{_address()}/v1/chat/completions"
    return Question(url=url, body=body_of(request), headers={SCOPE: scope} | _secret())


class ServerStream:
    """The chunks of one answer, as the server sends them; closing it ends the sampling.

    `model`: the name of the version that answers.
    """

    def __init__(self, asked: Question) -> None:
        """Asks, and waits until the server has taken the request. Raises NotLoaded, ServingRefused and
        ServingUnavailable."""
        self._read = asked.read
        try:
            sent = _client(os.getpid()).build_request(
                "POST", asked.url, json=asked.body, headers=dict(asked.headers), timeout=asked.timeout
            )
            self._response = _client(os.getpid()).send(sent, stream=True)
        except httpx2.HTTPError as failure:
            raise _down(failure) from failure
        self._lines = self._response.iter_lines()
        try:
            self._first = self._begin()
        except httpx2.HTTPError as failure:
            self.close()
            raise _down(failure) from failure
        except BaseException:
            self.close()
            raise
        self.model = str(self._first.get("model") or "")

    def _begin(self) -> Chunk:
        """The first chunk, which comes before anything is sampled."""
        if self._response.status_code != 200:
            self._response.read()
            raise _refusal(self._response)
        first: Chunk | None = next(self._chunks(), None)
        if first is not None:
            return first
        raise _down("it ended its answer before it began")

    def __iter__(self) -> Iterator[Chunk | None]:
        """None where the server says that it is at work and has nothing yet. Raises ServingUnavailable."""
        yield self._first
        try:
            yield from self._chunks(alive=True)
        except httpx2.HTTPError as failure:
            raise _down(failure) from failure
        finally:
            self.close()

    def close(self) -> None:
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _chunks(self, *, alive: bool = False) -> Iterator[Any]:
        for line in self._lines:
            if line.startswith(":"):
                if alive:
                    yield None
            elif line == "data: [DONE]":
                self._read_to_the_end()
                return
            elif line.startswith("data: "):
                yield self._read(_whole(line[6:]))
        raise _down("it ended its answer in the middle")

    def _read_to_the_end(self) -> None:
        """Has the connection serve the next question, too: what is closed before its end is never used again."""
        with suppress(httpx2.HTTPError):
            for _line in self._lines:
                pass


def _whole(data: str) -> Any:
    """The object of an event. Raises ServingUnavailable where it tells of an error, or is none."""
    try:
        chunk = json.loads(data)
    except ValueError as broken:
        raise _down("an event is no JSON") from broken
    if not isinstance(chunk, dict):
        raise _down("an event is no object")
    if "error" in chunk:
        raise ServingUnavailable(str(chunk["error"]["message"]), wait_seconds=DOWN_SECONDS)
    return chunk


def load(name: str, path: str, *, aliases: tuple[str, ...] = ()) -> None:
    """Asks the server to load a model; it does so meanwhile. Raises ServingUnavailable."""
    _ask("PUT", f"/models/{name}", json={"path": path, "aliases": list(aliases)})


def retire(name: str) -> None:
    """Asks the server to let go of a model, once it has answered what it was asked. Raises ServingUnavailable."""
    _ask("DELETE", f"/models/{name}")


def models() -> dict[str, dict[str, Any]]:
    """What the server has, by name, as `Told` of sampler/server/shelf.py says it. Raises ServingUnavailable, also where
    something else than our server answers."""
    try:
        return {str(name): dict(told) for name, told in _ask("GET", "/models").json()["models"].items()}
    except (ValueError, LookupError, TypeError, AttributeError) as other:
        raise _down("what answers at SERVING_URL is not `python -m sampler serve`") from other


def _ask(method: str, place: str, *, json: object = None) -> httpx2.Response:
    try:
        address = f"{_address()}{place}"
        response = _client(os.getpid()).request(method, address, json=json, headers=_secret(), timeout=TOLD_SOON)
    except httpx2.HTTPError as failure:
        raise _down(failure) from failure
    if response.is_error:
        raise _refusal(response)
    return response


def _refusal(response: httpx2.Response) -> Exception:
    """What the server's refusal is here."""
    try:
        error = response.json()["error"]
        said, param, code = (str(error.get(name) or "") for name in ("message", "param", "code"))
    except (ValueError, LookupError, TypeError, AttributeError):
        return _down(f"it answered {response.status_code}")
    if response.status_code == 404:
        return NotLoaded(said)
    if response.status_code in (400, 413):
        return ServingRefused(said, param=param, code=code)
    if response.status_code == 503:
        after = response.headers.get("Retry-After", "")
        return ServingUnavailable(said, wait_seconds=int(after) if after.isdecimal() else LOADING_SECONDS)
    return _down(f"it answered {response.status_code}: {said}")


def _down(failure: object) -> ServingUnavailable:
    log.warning("the server of the language models does not answer: %s", failure)
    return ServingUnavailable(
        "The server of the language models does not answer. Try again in a while.", wait_seconds=DOWN_SECONDS
    )


def _address() -> str:
    if not settings.SERVING_URL:
        raise ServingUnavailable(
            "No server of language models is set up here: an admin sets SERVING_URL.", wait_seconds=3600
        )
    return str(settings.SERVING_URL).rstrip("/")


def _secret() -> dict[str, str]:
    return {"Authorization": f"Bearer {settings.SERVING_SECRET}"} if settings.SERVING_SECRET else {}


@lru_cache(maxsize=1)
def _client(_process: int) -> httpx2.Client:
    """One a process: connections are kept open, and none is another process's.

    They are given up before the server does so, which would lose a question that is sent at that moment: uvicorn, under
    which our server and vLLM run, hangs up after five idle seconds.
    """
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=16, keepalive_expiry=3.0)
    return httpx2.Client(timeout=TIMEOUT, limits=limits, trust_env=False)
