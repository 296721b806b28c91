"""The web server as people run it: `manage.py up`, usually without workers, on a free port of this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.harness.machine import ROOT
from lm.child_processes import die_with_parent

START_SECONDS = 120.0
STOP_SECONDS = 60.0


class WebNotStarted(Exception):
    """There are no pages to measure; the message says why."""


@dataclass(frozen=True)
class Web:
    """A running server and the processes that it is made of."""

    port: int
    supervisor: psutil.Process

    def cpu_seconds(self) -> float:
        """What gunicorn and its worker have used so far."""
        return cpu_seconds(self.supervisor.children(recursive=True))


@contextmanager
def running_web(
    directory: Path, *, arguments: Sequence[str] = ("--no-starter", "--no-workers"), model: str = "none"
) -> Iterator[Web]:
    """Answers at 127.0.0.1 until the block ends. Raises WebNotStarted.

    Any `model`'s name keeps `up` from assembling the demo's; without workers nothing samples.
    """
    port = free_port()
    log = directory / "up.log"
    environment = os.environ | {"SFT_MODEL_PATH": model}
    command = [sys.executable, "manage.py", "up", "--port", str(port), *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509  (no threads run yet)
        )
    try:
        _wait_until_answering(port, process, log)
        yield Web(port, psutil.Process(process.pid).children()[0])  # the process itself only cleans up at the end
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """User and system time of those that live, and of those of their children that ended."""
    total = 0.0
    for process in processes:
        try:
            total += sum(process.cpu_times()[:4])  # user, system, and both of the children that were waited for
        except psutil.NoSuchProcess:
            continue
    return total


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_answering(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while (problem := _why_no_page(port)) is not None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise WebNotStarted(f"`manage.py up` does not serve pages: {problem}\n{_end_of(log)}")
        time.sleep(0.2)


def _why_no_page(port: int) -> str | None:
    """Raises WebNotStarted for an error page, which does not go away by waiting."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/login/", timeout=10).close()
    except urllib.error.HTTPError as error:
        raise WebNotStarted(f"/login/ answers {error.code}; `manage.py up` shows its own log.") from error
    except OSError as error:
        return str(error)
    return None


def _end_of(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
