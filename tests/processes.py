"""Real processes for tests: workers, beat, a web server. Each is ended with its test, whatever happens."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """One of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], object], *, seconds: float = 30, every: float = 0.05) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(every)


class TookTooLong(AssertionError):
    """What a test waited for did not come true; the message holds the ends of the processes' logs."""


class Processes:
    """Starts commands of this interpreter in the background, with a log each."""

    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        self.environment = environment
        self.logs = logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """`python ARGUMENTS …` in a session of its own."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.running[name]

    def worker(self, name: str, queues: str) -> subprocess.Popen[bytes]:
        """A Celery worker process on the given queues, one task at a time."""
        options = ["-Q", queues, "--concurrency", "1", "--hostname", f"{name}@test", "--without-mingle"]
        return self.start(name, "-m", "celery", "-A", "config", "worker", *options)

    def run(self, *arguments: str) -> str:
        """`manage.py ARGUMENTS …` to its end; returns what it printed. Fails the test on a non-zero exit."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"manage.py {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def kill(self, name: str) -> None:
        """SIGKILL to the process and all its children."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def wait_for(self, what: str, is_true: Callable[[], object], *, seconds: float = 60, every: float = 0.1) -> None:
        """Polls until `is_true` returns something true. Raises TookTooLong with the processes' logs."""
        until = time.monotonic() + seconds
        while not is_true():
            if time.monotonic() > until:
                raise TookTooLong(f"Not within {seconds:.0f} s: {what}.\n{self._ends_of_logs()}")
            time.sleep(every)

    def stop_all(self) -> None:
        for name in list(self.running):
            self.running[name].terminate()
        for name in list(self.running):
            try:
                self.running[name].wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill(name)

    def _ends_of_logs(self) -> str:
        return "\n".join(_end_of(log) for log in sorted(self.logs.glob("*.log")))


def _end_of(log: Path, lines: int = 25) -> str:
    return "\n".join([f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-lines:]])


@contextmanager
def processes(environment: dict[str, str], logs: Path, **settings: object) -> Iterator[Processes]:
    """Processes that see `environment` with `settings` on top; all are stopped at the end."""
    started = Processes(environment | {name: str(value) for name, value in settings.items()}, logs)
    try:
        yield started
    finally:
        started.stop_all()
