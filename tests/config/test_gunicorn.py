"""config/gunicorn.py on a real gunicorn: who waits is taken by whoever is free, and nobody is left out."""

import http.client
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import psutil
import pytest
from django.db import OperationalError

from config.gunicorn import when_ready
from labeling.base.lasting import FEW
from lm import prompt_tokens
from tests.labeling.models_in_use import promoted
from tests.processes import free_port, processes, until
from tests.tiny_models import make_tiny_model

PROCESSES, THREADS = 2, 2
LONG = 4.0
"""Seconds of a request that keeps its thread."""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    free = free_port()
    with processes(dict(os.environ), tmp_path) as started:
        options = f"-c python:config.gunicorn --workers {PROCESSES} --threads {THREADS} --bind 127.0.0.1:{free}"
        started.start("web", "-m", "gunicorn", *options.split(), "tests.config.pids:application")
        started.wait_for("gunicorn answers", lambda: answers(free))
        time.sleep(0.5)  # until all of its processes do
        yield free


def answers(port: int) -> bool:
    try:
        ask(port)
    except OSError:
        return False
    return True


def ask(port: int, *, seconds: float = 0.02, timeout: float = 30) -> int:
    """The process that answers, on a connection of its own."""
    return Client(port, timeout).ask(seconds)


class Client:
    """A browser's connection, which stays open as long as the server lets it."""

    def __init__(self, port: int, timeout: float = 30) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def ask(self, seconds: float = 0.02, *, below: str = "") -> int:
        self.connection.request("GET", f"{below}/{seconds}")
        return int(self.connection.getresponse().read())


def test_a_process_whose_threads_are_all_held_takes_nobody(port: int) -> None:
    """Of three long requests two are in one process; everybody else is answered by the other."""
    with ThreadPoolExecutor() as pool:
        long = [pool.submit(ask, port, seconds=LONG) for _ in range(PROCESSES * THREADS - 1)]
        time.sleep(0.5)
        answered = {ask(port, timeout=LONG / 2) for _ in range(30)}
        assert not any(each.done() for each in long)
        held = Counter(each.result() for each in long)
    assert sorted(held.values()) == [THREADS - 1, THREADS]
    assert answered == {process for process, number in held.items() if number < THREADS}


def test_answers_that_last_keep_nobody_waiting(port: int) -> None:
    """Ten times as many streams as there are threads; afterwards threads are as few as before, and FEW in store."""
    streams = PROCESSES * THREADS * 10
    with ThreadPoolExecutor(streams) as pool:
        lasting = [pool.submit(Client(port).ask, LONG, below="/lasting") for _ in range(streams)]
        time.sleep(1)
        assert {ask(port, timeout=LONG / 2) for _ in range(30)}
        assert not any(each.done() for each in lasting)
        held = Counter(each.result() for each in lasting)
    assert sum(held.values()) == streams
    children = psutil.Process().children(recursive=True)
    web = [child for child in children if child.pid in held]
    assert len(web) == len(held)
    until(lambda: all(child.num_threads() - THREADS - FEW <= 1 for child in web))  # a thread ends after its answer


def test_who_comes_when_every_thread_is_busy_has_a_turn(port: int) -> None:
    """Connections that stay open, with one request after the other, would keep the threads for themselves."""
    over = threading.Event()

    def ask_on() -> None:
        client = Client(port)
        while not over.is_set():
            client.ask()

    with ThreadPoolExecutor(PROCESSES * THREADS * 3) as pool:
        asking = [pool.submit(ask_on) for _ in range(PROCESSES * THREADS * 3)]
        try:
            time.sleep(0.5)
            assert all(ask(port, timeout=5) for _ in range(3))
            assert not any(each.done() for each in asking)
        finally:
            over.set()


def test_a_connection_stays_open_while_there_are_threads_to_spare(port: int) -> None:
    client = Client(port)
    client.ask()
    first = client.connection.sock
    client.ask()
    assert client.connection.sock is first is not None


@pytest.mark.django_db
def test_the_tokenizer_is_read_before_there_are_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a database that does not answer holds nobody up; no connection is shared with the processes."""
    closed = Mock()
    monkeypatch.setattr("config.gunicorn.connections.close_all", closed)
    promoted(make_tiny_model(tmp_path / "tiny"))
    prompt_tokens._tokens.cache_clear()
    when_ready(None)
    assert prompt_tokens._tokens.cache_info().currsize == 1
    monkeypatch.setattr("labeling.model_versions.queries.current_sft_model", Mock(side_effect=OperationalError))
    when_ready(None)
    assert closed.call_count == 2
