"""`manage.py up` as people use it: started, looked at, interrupted, killed, started again."""

import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.laptop.running_up import (
    answers,
    child_named,
    command,
    environment_in,
    left_over,
    read_until,
    running,
    server_named,
    wait_until_nothing_is_left,
)
from tests.processes import ROOT

CHILDREN = {"web", "default", "sampling", "training", "serving", "beat"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_and_leaves_no_process_when_it_is_asked_to_stop(
    how: signal.Signals, port: int, laptop: dict[str, str]
) -> None:
    with running(port, laptop) as up:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as ready:
            assert ready.read().startswith(b'{"database": "ok", "redis": "ok"')
        logs = {path.stem for path in Path(laptop["VAR_DIR"], "log").glob("*.log")}
        assert logs == CHILDREN
        up.send_signal(how)
        said = read_until(up, "Stopped.")
        assert up.wait(120) == 0
    assert "Stopping" in said
    assert left_over(laptop) == []


def test_killed_it_leaves_no_process_and_starts_again(port: int, laptop: dict[str, str]) -> None:
    with running(port, laptop) as up:
        up.kill()
        up.wait()
        wait_until_nothing_is_left(laptop)
    with running(port, laptop, "--no-workers") as up:
        up.send_signal(signal.SIGINT)
        assert up.wait(120) == 0


def test_a_second_one_is_refused_with_the_address_of_the_first(port: int, laptop: dict[str, str]) -> None:
    with running(port, laptop, "--no-workers") as up:
        second = subprocess.run(command(port + 1), cwd=ROOT, env=laptop, capture_output=True, text=True, check=False)
        assert second.returncode != 0
        assert f"Concord already runs here: http://127.0.0.1:{port}, process {up.pid}." in second.stderr
        up.send_signal(signal.SIGINT)
        assert up.wait(120) == 0


def test_a_taken_port_is_said_before_anything_is_started(port: int, laptop_folder: Path) -> None:
    laptop = environment_in(laptop_folder)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        refused = subprocess.run(command(port), cwd=ROOT, env=laptop, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert f"make demo PORT={port + 1}" in refused.stderr
    assert "Starting" not in refused.stdout
    assert not Path(laptop["VAR_DIR"], "services").exists()


def test_a_child_that_dies_is_said_and_started_again(port: int, laptop: dict[str, str]) -> None:
    with running(port, laptop) as up:
        child_named("sampling", laptop).kill()
        said = read_until(up, "sampling is started again")
        assert "sampling was ended by SIGKILL; it starts again in 1 s. Its log: " in said
        up.send_signal(signal.SIGINT)
        assert up.wait(120) == 0
    assert left_over(laptop) == []


def test_servers_that_somebody_ended_are_started_again(port: int, laptop: dict[str, str]) -> None:
    with running(port, laptop, "--no-workers") as up:
        child_named("owner", laptop).terminate()
        read_until(up, "PostgreSQL and Redis were ended by somebody; starting them again")
        deadline = time.monotonic() + 30
        while not answers(port):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        up.send_signal(signal.SIGINT)
        assert up.wait(120) == 0
    assert left_over(laptop) == []


def test_web_and_workers_go_on_after_redis_and_postgresql_were_killed_under_load(
    port: int, laptop: dict[str, str]
) -> None:
    var = Path(laptop["VAR_DIR"])
    done = "retrain_if_due"

    def tasks_done() -> int:
        return sum(done in line and "succeeded" in line for line in (var / "log/default.log").read_text().splitlines())

    def more_than(count: int) -> bool:
        return tasks_done() > count

    def until(condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (var / "log/default.log").read_text()[-3000:]
            time.sleep(0.2)

    def status() -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code

    earlier = tasks_done() if (var / "log/default.log").exists() else 0
    with running(port, laptop | {"RETRAIN_CHECK_SECONDS": "1"}) as up, ThreadPoolExecutor(8) as clients:
        until(partial(more_than, earlier), 60)
        for victim in ("redis-server", "postgres"):
            before = tasks_done()
            load = [clients.submit(status) for _ in range(200)]
            server_named(victim, laptop).kill()
            assert {each.result() for each in load} <= {200, 503}  # never a hang, never a page that broke
            read_until(up, "and was started again.")
            until(lambda: status() == 200, 30)
            assert [status() for _ in range(20)] == [200] * 20
            until(partial(more_than, before), 60)
        up.send_signal(signal.SIGINT)
        assert up.wait(120) == 0
    assert left_over(laptop) == []
