"""One OpenAI-compatible server over HTTP: asked again where that helps, with pauses, and never for longer than allowed.

Redirects are not followed, so that the key and the prompts go to the server that was named and nowhere else.
"""

import email.utils
import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx2

from lm.errors import UnusablePrompt
from sampler.backends.answers import ServerFault, events_of, said
from sampler.protocol import CannotSample

WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
TOO_LONG = re.compile(r"context length|context window|maximum.{0,20}tokens|too long", re.IGNORECASE)


class ServerDown(CannotSample):
    """The server can't be reached, or is overloaded, however often it was asked. Later it may be up again."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long and how often a server is asked."""

    connect_seconds: float = 5.0
    answer_seconds: float = 300.0
    """For the whole answer, and between two pieces of a stream."""
    attempts: int = 4
    first_pause: float = 0.5
    """Seconds before the second attempt, at the most; doubled for each further one."""
    longest_pause: float = 30.0
    """A server that asks for a longer one (Retry-After) is down."""
    concurrency: int = 8
    """Requests at once."""
    largest_answer: int = 64 * 2**20
    """Bytes."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Safe to use from several threads."""

    address: str
    """Such as http://vllm:8000/v1."""
    api_key: str = field(default="", repr=False)
    limits: Limits = field(default_factory=Limits)
    sleep: Callable[[float], None] = time.sleep

    def ask(self, payload: dict[str, Any]) -> Any:
        """The answer of /chat/completions. Raises ServerDown, ServerFault, UnusablePrompt."""
        with self._places:
            return self._again(lambda: self._ask_once(payload))

    def stream(self, payload: dict[str, Any]) -> Iterator[Any]:
        """The events of /chat/completions as they come; asked again only until the first of them is there."""
        with self._places:
            opened = self._again(lambda: self._open_stream(payload))
            with opened as events:
                yield from events

    def close(self) -> None:
        self._client.close()

    def _again(self, ask: Callable[[], Any]) -> Any:
        wrong = ""
        wanted: float | None = None
        for attempt in range(self.limits.attempts):
            if attempt:
                self.sleep(self._pause(attempt, wanted))
            wanted = None
            try:
                return ask()
            except httpx2.TransportError as error:
                wrong = f"{type(error).__name__}: {error}".rstrip(": ")
            except _AskAgain as again:
                wrong, wanted = str(again), again.after
                if wanted is not None and wanted > self.limits.longest_pause:
                    break
        raise ServerDown(f"The sampling server {self.address} does not answer ({wrong}). It is tried again later.")

    def _pause(self, attempt: int, wanted: float | None) -> float:
        """What the server asked for; else between nothing and the doubled pause, so that clients don't come back
        together ("full jitter", AWS Architecture Blog, Exponential Backoff and Jitter, 2015)."""
        if wanted is not None:
            return wanted
        return random.uniform(0, min(self.limits.longest_pause, self.limits.first_pause * 2 ** (attempt - 1)))

    def _ask_once(self, payload: dict[str, Any]) -> Any:
        until = time.monotonic() + self.limits.answer_seconds
        with self._client.stream("POST", "chat/completions", json=payload) as response:
            body = bytearray()
            for piece in response.iter_bytes():
                body += piece
                if len(body) > self.limits.largest_answer:
                    raise ServerFault(f"The server's answer is larger than {self.limits.largest_answer} bytes.")
                if time.monotonic() > until:  # a byte now and then keeps every time-out away but this one
                    raise httpx2.ReadTimeout(f"no whole answer within {self.limits.answer_seconds:g} s")
        parsed = _parsed(bytes(body))
        self._check(response, parsed)
        if parsed is None:
            raise ServerFault("The server's answer is no JSON.")
        return parsed

    @contextmanager
    def _events(self, response: Any, stream: Any) -> Iterator[Iterator[Any]]:
        try:
            yield events_of(response.iter_lines())
        except httpx2.TransportError as error:
            raise ServerDown(f"The sampling server {self.address} broke its stream off: {error}") from error
        finally:
            stream.__exit__(None, None, None)

    def _open_stream(self, payload: dict[str, Any]) -> Any:
        stream = self._client.stream("POST", "chat/completions", json=payload)
        response = stream.__enter__()
        try:
            if response.status_code != httpx2.codes.OK:
                response.read()
                self._check(response, _parsed(response.content))
        except BaseException:
            stream.__exit__(None, None, None)
            raise
        return self._events(response, stream)

    def _check(self, response: Any, body: Any) -> None:
        status = response.status_code
        if status == httpx2.codes.OK:
            return
        words = said(body) if body is not None else "no reason"
        if status in WORTH_ANOTHER_TRY:
            raise _AskAgain(f"HTTP {status}: {words}", after=_retry_after(response.headers.get("Retry-After")))
        if 300 <= status < 400:
            raise ServerFault(f"{self.address} redirects elsewhere (HTTP {status}), which is not followed.")
        if status in (401, 403):
            raise ServerFault(f"{self.address} does not take the key (HTTP {status}). Set SAMPLING_SERVER_API_KEY.")
        if TOO_LONG.search(words):
            raise UnusablePrompt(f"The sampling server says: {words}")
        raise ServerFault(f"{self.address} refuses the request (HTTP {status}): {words}")

    @cached_property
    def _client(self) -> Any:
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        limits = self.limits
        return httpx2.Client(
            base_url=self.address.rstrip("/") + "/",
            headers=headers,
            timeout=httpx2.Timeout(limits.answer_seconds, connect=limits.connect_seconds),
            limits=httpx2.Limits(max_connections=limits.concurrency),
            follow_redirects=False,
            trust_env=False,  # neither a proxy nor a password of ~/.netrc comes in between
        )

    @cached_property
    def _places(self) -> threading.BoundedSemaphore:
        return threading.BoundedSemaphore(self.limits.concurrency)


class _AskAgain(Exception):
    def __init__(self, words: str, *, after: float | None) -> None:
        super().__init__(words)
        self.after = after


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _retry_after(header: str | None) -> float | None:
    """Seconds: the header has a number of them or a date (RFC 9110, section 10.2.3)."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None
