"""Labelers as programs: `python -m benchmarks.desk.clients`.

Reads a plan from stdin, a line of JSON; logs everybody in and says READY; begins with the next line that it reads;
writes what happened, a line of JSON. A process of its own, so that it shares no interpreter with what is measured, and
the standard library only, because it shares the cores. Each labeler has a session, a kept-alive connection and one
ranking in hand, as a person has.
"""

import http.client
import json
import random
import re
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlencode, urlsplit

READY = "ready"
TIMEOUT_SECONDS = 60.0
MOST_ERRORS = 10
WORK_PATH = re.compile(r"^/work/([0-9a-f-]{36})/$")
RANK_FIELD = re.compile(rb'name="(\d)-rank"')
WITHOUT_A_PAGE = (204, 302, 303)


class Unexpected(Exception):
    """An answer that no labeler should get."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do. A bound on both operations and seconds: no server is loaded without an end.

    without_scripts: follow the address that a submission leads to, instead of being answered with the next page.
    """

    port: int
    accounts: list[str]
    password: str
    operations: int
    seconds: float
    without_scripts: bool


@dataclass(kw_only=True)
class Done:
    """One labeler's share. Each operation: seconds until its page was there, seconds until it was handed in, token."""

    operations: list[tuple[float, float, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Session:
    """The part of a browser that matters here: cookies, and one connection that stays open."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> bytes:
        """The page. Raises Unexpected unless there is one."""
        status, _, body = self._request("GET", path, {})
        if status != 200:
            raise Unexpected(f"GET {path}: {status}")
        return body

    def post(self, path: str, fields: Mapping[str, str]) -> tuple[str, bytes]:
        """Where the answer leads, and the page if the answer is that page itself. Raises Unexpected otherwise."""
        status, location, body = self._request(
            "POST", path, {"csrfmiddlewaretoken": self.cookies["csrftoken"], **fields}
        )
        if not location or status not in (200, *WITHOUT_A_PAGE):
            raise Unexpected(f"POST {path}: {status}")
        return urlsplit(location).path, body if status == 200 else b""

    def _request(self, method: str, path: str, fields: Mapping[str, str]) -> tuple[int, str, bytes]:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if fields:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request(method, path, body=urlencode(fields).encode() if fields else None, headers=headers)
        response = self.connection.getresponse()
        body = response.read()
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        location = response.headers.get("Location") or response.headers.get("Content-Location") or ""
        return response.status, location, body


def log_in(port: int, account: str, password: str) -> Session:
    session = Session(port)
    session.get("/login/")
    session.post("/login/", {"username": account, "password": password})
    session.connection.close()  # gunicorn hangs up on who is idle, and the others still log in
    return session


def work(plan: Plan, session: Session, numbers: "count[int]", done: Done, deadline: float) -> None:
    """Processes until the plan is fulfilled, nothing is left or too much went wrong."""
    location, page = "", b""
    submit = "submit/" if plan.without_scripts else "submit/?next=here"
    while next(numbers) < plan.operations and time.monotonic() < deadline and len(done.errors) < MOST_ERRORS:
        try:
            began = time.perf_counter()
            if WORK_PATH.match(location) is None:
                location, page = session.post("/next/ranking/", {})
            found = WORK_PATH.match(location)
            if found is None:
                return  # nothing is left to rank
            page = page or session.get(location)
            shown = time.perf_counter()
            fields = ranking_of(page)
            sent = time.perf_counter()
            location, page = session.post(f"{location}{submit}", fields)
            done.operations.append((shown - began, time.perf_counter() - sent, found[1]))
        except (OSError, http.client.HTTPException, Unexpected) as error:
            done.errors.append(f"{type(error).__name__}: {error}")
            session.connection.close()
            location, page = "", b""


def ranking_of(page: bytes) -> dict[str, str]:
    """A form filled in as somebody might who rates, ranks with ties, and now and then sets a flag."""
    k = max(map(int, RANK_FIELD.findall(page)), default=0)
    fields = {"note": "", "active_seconds": "42.5"}
    for position in range(1, k + 1):
        rank = random.randint(1, k)
        fields |= {f"{position}-rank": str(rank), f"{position}-quality": str(8 - rank), f"{position}-note": ""}
    if k and random.random() < 0.3:
        fields["1-flags"] = "fails_task"
    return fields


def run(plan: Plan, sessions: Sequence[Session]) -> dict[str, Any]:
    """All labelers begin together; returns the fields of desk.outcome.Outcome that are known here."""
    everybody = [Done() for _ in sessions]
    numbers = count()  # shared: next() of a count is one step under the interpreter's lock
    began, cpu_began = time.monotonic(), time.process_time()
    threads = [
        threading.Thread(target=work, args=(plan, session, numbers, done, began + plan.seconds))
        for session, done in zip(sessions, everybody, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "seconds": time.monotonic() - began,
        "clients_cpu": time.process_time() - cpu_began,
        "operations": [done.operations for done in everybody],
        "errors": [error for done in everybody for error in done.errors],
    }


def main() -> None:
    plan = Plan(**json.loads(sys.stdin.readline()))
    sessions = [log_in(plan.port, account, plan.password) for account in plan.accounts]
    print(READY, flush=True)
    sys.stdin.readline()
    print(json.dumps(run(plan, sessions)), flush=True)


if __name__ == "__main__":
    main()
