"""Answers that last: streams, and what waits for a model. They keep nobody waiting (fast_paths/web_worker.py).

What nginx or another proxy collects before it sends it on arrives in one piece; the header asks it not to.
"""

import select
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import cast

from django.db import connection
from django.http import HttpRequest, StreamingHttpResponse

ROOM = "concord.make_room"
"""In the WSGI environment: a function that has the web process take others meanwhile. It says how many of its requests
last then, this one included; 0 where there are too many already."""
FEW = 2
"""So many of a process keep their connection to the database: opening another takes longer than a short answer."""
ALIVE = b": at work\n\n"
"""A comment of server-sent events, which clients pass over."""


_thread = threading.local()


def make_room(request: HttpRequest) -> bool:
    """Called before a request waits for long: others get a thread in its place, and the database its connection back,
    unless few last.

    False: too many wait in this process already, so this one is to be sent away.
    """
    lasting = cast("Callable[[], int] | None", request.META.get(ROOM))
    count = lasting() if lasting is not None else FEW + 1
    _thread.keeps_connection = count <= FEW
    if count:
        release_connection()
    return count > 0


def release_connection() -> None:
    """The next query opens another connection; where few requests last, it only finds out whether this one still works.
    Within a transaction (as in tests) nothing is changed.
    """
    if connection.in_atomic_block:
        return
    if getattr(_thread, "keeps_connection", False):
        connection.health_check_done = False  # type: ignore[attr-defined]  # looked at before each query
    else:
        connection.close()


def has_left(request: HttpRequest) -> bool:
    """Whether whoever asked has hung up; always False where the server does not tell."""
    connected = request.META.get("gunicorn.socket")
    if not isinstance(connected, socket.socket):
        return False
    try:
        readable, _, _ = select.select([connected], [], [], 0)
        return bool(readable) and connected.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except (OSError, ValueError):
        return True


def event_stream(events: Iterable[bytes]) -> StreamingHttpResponse:
    """Server-sent events, each sent as it comes. The iterable is closed when the reader has left."""
    response = StreamingHttpResponse(_closing(events), content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    response["Content-Encoding"] = "identity"  # compressed (GZipMiddleware), events would wait until there are many
    return response


def _closing(events: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from events
    finally:
        release_connection()
