"""`manage.py up` as people use it: started, looked at, and going on whatever dies of what it looks after."""

import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
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
)
from tests.processes import ROOT, free_port, until

CHILDREN = {"web", "default", "sampling", "training", "serving", "beat"}


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def up(port: int, made_laptop: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Runs for all tests of this file, whatever they do to it. Asked to stop at the end, it leaves no process."""
    with running(port, made_laptop | {"RETRAIN_CHECK_SECONDS": "1"}) as process:
        yield process
        process.send_signal(signal.SIGHUP)
        said = read_until(process, "Stopped.")
        assert process.wait(120) == 0
    assert "Stopping" in said
    assert left_over(made_laptop) == []


def test_it_answers_and_every_child_has_its_log(
    up: subprocess.Popen[str], port: int, made_laptop: dict[str, str]
) -> None:
    assert answers(port)
    assert {path.stem for path in Path(made_laptop["VAR_DIR"], "log").glob("*.log")} == CHILDREN


def test_a_second_one_is_refused_with_the_address_of_the_first(
    up: subprocess.Popen[str], port: int, made_laptop: dict[str, str]
) -> None:
    second = subprocess.run(command(port + 1), cwd=ROOT, env=made_laptop, capture_output=True, text=True, check=False)
    assert second.returncode != 0
    assert f"Concord already runs here: http://127.0.0.1:{port}, process {up.pid}." in second.stderr


def test_a_taken_port_is_said_before_anything_is_started(laptop_folder: Path) -> None:
    laptop, port = environment_in(laptop_folder), free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        refused = subprocess.run(command(port), cwd=ROOT, env=laptop, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert f"make demo PORT={port + 1}" in refused.stderr
    assert "Starting" not in refused.stdout
    assert not Path(laptop["VAR_DIR"], "services").exists()


def test_a_child_that_dies_is_said_and_started_again(up: subprocess.Popen[str], made_laptop: dict[str, str]) -> None:
    child_named("sampling", made_laptop).kill()
    said = read_until(up, "sampling is started again")
    assert "sampling was ended by SIGKILL; it starts again in 1 s. Its log: " in said


def test_servers_that_somebody_ended_are_started_again(
    up: subprocess.Popen[str], port: int, made_laptop: dict[str, str]
) -> None:
    child_named("owner", made_laptop).terminate()
    read_until(up, "PostgreSQL and Redis were ended by somebody; starting them again")
    until(lambda: answers(port))


def test_web_and_workers_go_on_after_redis_and_postgresql_were_killed_under_load(
    up: subprocess.Popen[str], port: int, made_laptop: dict[str, str]
) -> None:
    var = Path(made_laptop["VAR_DIR"])
    done = "retrain_if_due"

    def tasks_done() -> int:
        return sum(done in line and "succeeded" in line for line in (var / "log/default.log").read_text().splitlines())

    def more_than(count: int) -> bool:
        return tasks_done() > count

    def status() -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code

    with ThreadPoolExecutor(8) as clients:
        until(partial(more_than, tasks_done()), seconds=60)
        for victim in ("redis-server", "postgres"):
            before = tasks_done()
            load = [clients.submit(status) for _ in range(200)]
            server_named(victim, made_laptop).kill()
            assert {each.result() for each in load} <= {200, 503}  # never a hang, never a page that broke
            read_until(up, "and was started again.")
            until(lambda: status() == 200)
            assert [status() for _ in range(20)] == [200] * 20
            until(partial(more_than, before), seconds=60)


def pool_process(worker: str) -> Callable[[dict[str, str]], psutil.Process]:
    def find(laptop: dict[str, str]) -> psutil.Process:
        until(lambda: child_named(worker, laptop).children())
        return child_named(worker, laptop).children()[0]

    return find


VICTIMS: dict[str, Callable[[dict[str, str]], psutil.Process]] = {
    **{
        name: lambda laptop, name=name: child_named(name, laptop)  # type: ignore[misc]
        for name in ("web", "default", "sampling", "training", "beat", "owner")
    },
    "one of gunicorn's workers": pool_process("web"),
    "a worker's pool process": pool_process("sampling"),
    "postgres": lambda laptop: server_named("postgres", laptop),
    "redis-server": lambda laptop: server_named("redis-server", laptop),
}


def test_each_of_them_may_be_killed_and_another_takes_its_place(
    up: subprocess.Popen[str], port: int, made_laptop: dict[str, str]
) -> None:
    def waited_for(find: Callable[[dict[str, str]], psutil.Process], than: psutil.Process | None) -> psutil.Process:
        found: list[psutil.Process] = []

        def runs() -> bool:
            with suppress(AssertionError, psutil.NoSuchProcess, IndexError):
                found.append(find(made_laptop))
            return bool(found) and found[-1] != than

        until(runs, seconds=90, every=0.3)
        return found[-1]

    for name, find in VICTIMS.items():
        victim = waited_for(find, None)  # whoever was killed before may have taken it along
        victim.kill()
        waited_for(find, victim)
        until(lambda: answers(port))
        assert up.poll() is None, name
