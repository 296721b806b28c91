"""Answers that last: whether somebody still reads them, and how they are sent."""

import socket
from typing import Any

import pytest
from django.middleware.gzip import GZipMiddleware
from django.test import RequestFactory

from labeling.base.lasting import ROOM, event_stream, has_left, make_room


def test_whoever_hangs_up_is_seen_before_anything_is_sent() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        request = RequestFactory().get("/", **{"gunicorn.socket": ours})  # type: ignore[arg-type]
        assert not has_left(request)
        theirs.sendall(b"the next request, already")
        assert not has_left(request)
        ours.recv(100)
        theirs.close()
        assert has_left(request)
    assert has_left(request)  # closed on our side
    assert not has_left(RequestFactory().get("/"))  # a server that does not tell


@pytest.mark.django_db
def test_a_process_with_too_many_says_so() -> None:
    assert make_room(RequestFactory().get("/"))  # any server but gunicorn
    assert make_room(RequestFactory().get("/", **{ROOM: lambda: True}))  # type: ignore[arg-type]
    assert not make_room(RequestFactory().get("/", **{ROOM: lambda: False}))  # type: ignore[arg-type]


@pytest.mark.django_db
def test_events_are_not_collected_on_the_way_and_their_source_is_closed() -> None:
    closed = []

    def events() -> Any:
        try:
            yield b"data: 1\n\n"
            yield b"data: 2\n\n"
        finally:
            closed.append(True)

    response = event_stream(events())
    asked = RequestFactory().get("/", headers={"accept-encoding": "gzip"})
    assert GZipMiddleware(lambda _: response)(asked) is response
    assert response["Content-Encoding"] == "identity"  # each event leaves by itself
    assert response["X-Accel-Buffering"] == "no"
    assert response["Cache-Control"] == "no-cache"
    assert next(iter(response)) == b"data: 1\n\n"
    assert closed == []
    response._iterator.close()  # type: ignore[attr-defined]
    assert closed == [True]
