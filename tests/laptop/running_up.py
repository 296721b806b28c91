"""`manage.py up` in a process of its own, and a look at who is left of it."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.processes import ROOT

MARKS = {
    "web": "gunicorn",
    "default": "default",
    "sampling": "suggestions,scoring,sampling",
    "training": "training",
    "beat": "beat",
    "owner": "laptop.service_owner",
}
"""A word of each process's command line."""


def environment_in(folder: Path) -> dict[str, str]:
    """An environment without servers of its own, and with a model that nobody asks for."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "VAR_DIR": str(folder / "var"),
        "SFT_MODEL_PATH": str(folder / "model"),
    }


def command(port: int, *options: str) -> list[str]:
    return [sys.executable, "manage.py", "up", "--port", str(port), "--no-starter", *options]


@contextmanager
def running(port: int, laptop: dict[str, str], *options: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command(port, *options), cwd=ROOT, env=laptop, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        read_until(process, "Concord is ready")
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], wanted: str) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if wanted in line:
            return said
    raise AssertionError(f"It ended without saying “{wanted}”:\n{said}")


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as response:
            return bool(response.read().startswith(b'{"database": "ok", "redis": "ok"'))
    except OSError:
        return False


def processes_of(laptop: dict[str, str]) -> list[psutil.Process]:
    """Processes of this run, known by the environment that they inherited."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("VAR_DIR") == laptop["VAR_DIR"]:
                found.append(process)
        except psutil.Error:
            continue
    return found


def left_over(laptop: dict[str, str]) -> list[str]:
    found = []
    for process in processes_of(laptop):
        try:
            found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def wait_until_nothing_is_left(laptop: dict[str, str], *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while found := left_over(laptop):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def child_named(name: str, laptop: dict[str, str]) -> psutil.Process:
    """The oldest process of that name: a gunicorn or Celery process before those that it started itself."""
    found = [process for process in processes_of(laptop) if MARKS[name] in _words(process)]
    if not found:
        raise AssertionError(f"{name} does not run")
    return min(found, key=lambda process: process.create_time())


def server_named(program: str, laptop: dict[str, str]) -> psutil.Process:
    """The embedded server, known by its name and the folder it works in."""
    for process in psutil.process_iter():
        try:
            if process.name().startswith(program) and any(laptop["VAR_DIR"] in word for word in process.cmdline()):
                return process
        except psutil.Error:
            continue
    raise AssertionError(f"{program} does not run")


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
