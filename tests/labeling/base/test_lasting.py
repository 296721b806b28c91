"""Answers that last: whether somebody still reads them, and how they are sent."""

import socket
from typing import Any

import pytest
from django.db import connection
from django.middleware.gzip import GZipMiddleware
from django.test import RequestFactory

from labeling.base.lasting import FEW, ROOM, event_stream, has_left, make_room, release_connection


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


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("lasting", "has_room", "keeps"), [(1, True, True), (FEW, True, True), (FEW + 1, True, False), (0, False, True)]
)
def test_few_that_last_keep_their_connection_and_a_process_with_too_many_says_so(
    lasting: int, has_room: bool, keeps: bool
) -> None:
    connection.ensure_connection()
    assert make_room(RequestFactory().get("/", **{ROOM: lambda: lasting})) == has_room  # type: ignore[arg-type]
    release_connection()
    assert (connection.connection is not None) == keeps


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_broke_meanwhile_is_opened_anew() -> None:
    make_room(RequestFactory().get("/", **{ROOM: lambda: 1}))  # type: ignore[arg-type]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        kept = cursor.fetchone()
    release_connection()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", kept)
    other.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone() != kept


@pytest.mark.django_db(transaction=True)
def test_any_server_but_gunicorn_has_room_and_gives_connections_back() -> None:
    connection.ensure_connection()
    assert make_room(RequestFactory().get("/"))
    assert connection.connection is None


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
