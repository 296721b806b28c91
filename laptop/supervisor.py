"""Keeps a handful of child processes running, says what happens to them, and leaves none behind."""

import os
import re
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from lm.child_processes import die_with_parent

STOP_SECONDS = 10.0
LOOK_SECONDS = 0.2
# A shell that starts a program in the background lets it ignore these, and whoever ignores a signal hands that on.
STOP_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
LOG_BYTES = 10_000_000
BACKOFF_SECONDS = (1, 2, 4, 8, 15, 30)
# A child that ran this long was well; its next death starts the backoff anew.
WELL_SECONDS = 60.0
# Not "%WARNING": so Celery names, among its settings, the level that it logs from.
WORTH_SAYING = re.compile(r"(?<!%)\b(WARNING|ERROR|CRITICAL)\b")
LINE_CHARACTERS = 300
# One fault often fails many tasks at once; the console gets the first few, the log has them all.
LINES_AT_ONCE = 3


class CommandFailed(Exception):
    """A command that had to succeed did not; the message carries the end of what it said."""


@dataclass
class Log:
    """A log file that somebody else writes, and how far it was read."""

    name: str
    path: Path
    position: int = 0

    @classmethod
    def from_its_end(cls, name: str, path: Path) -> "Log":
        return cls(name, path, path.stat().st_size if path.exists() else 0)

    def warnings(self) -> list[str]:
        """The whole lines since the last call that people should see."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as log:
            log.seek(self.position)
            new = log.read()
        whole, newline, _rest = new.rpartition(b"\n")
        self.position += len(whole) + len(newline)
        return [line for line in whole.decode(errors="replace").splitlines() if WORTH_SAYING.search(line)]


@dataclass
class Child:
    """One process."""

    name: str
    command: Sequence[str]
    niceness: int = 0
    stop_signal: int = signal.SIGTERM
    # What the kernel sends when the supervisor is killed; laptop/reaper.py ends what is left a little later.
    when_orphaned: int = signal.SIGKILL
    # What it may take longer than the others, to save what it is at. Its own processes it ends itself.
    saving_seconds: float = 0.0
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    restart_at: float | None = None


@dataclass
class Supervisor:
    """Starts, watches and stops `children`; `say` takes one line for people."""

    log_dir: Path
    environment: dict[str, str]
    cwd: Path
    say: Callable[[str], None]
    raise_if_stop_requested: Callable[[], None]
    children: list[Child] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)

    def follow(self, log: Log) -> None:
        """Passes on what is worth saying of what is written into it from now on."""
        self.logs.append(log)

    def start(self, child: Child) -> None:
        self.children.append(child)
        log = self.log_path(child)
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        self.follow(Log.from_its_end(child.name, log))
        self._spawn(child)

    def run_to_end(self, command: Sequence[str], *, show: bool = False) -> str:
        """Runs `command` and returns what it wrote; `show` passes each line on as it comes. Raises CommandFailed."""
        lines = []
        process = self._popen(command, output=subprocess.PIPE, niceness=0, when_orphaned=signal.SIGKILL)
        try:
            for line in self._lines_of(process):
                lines.append(line)
                if show:
                    self.say(f"  {line}")
            if process.wait() != 0:
                ended = _how_it_ended(process.returncode)
                raise CommandFailed(f"`{shlex.join(command)}` {ended}:\n" + "\n".join(lines[-25:]))
        finally:
            _signal_group(process, signal.SIGKILL)
            process.wait()
        return "\n".join(lines)

    def log_path(self, child: Child) -> Path:
        return self.log_dir / f"{child.name}.log"

    def look(self) -> None:
        """One round: passes on what the children warn about, and restarts those that died."""
        for log in self.logs:
            self._pass_on_warnings(log)
        for child in self.children:
            self._restart_if_dead(child)

    def stop(self) -> None:
        """Ends every child and everything that it started, last started first; returns when all are gone."""
        running = [(child, child.process) for child in reversed(self.children) if child.process is not None]
        # A training process is in a session of its own, which no signal to its worker's group reaches.
        offspring = [each for _, process in running for each in _descendants(process.pid)]
        for child, process in running:
            if child.saving_seconds:
                process.send_signal(child.stop_signal)
            else:
                _signal_group(process, child.stop_signal)
        deadline = time.monotonic() + STOP_SECONDS
        for child, process in sorted(running, key=lambda each: each[0].saving_seconds):
            if child.saving_seconds and process.poll() is None:
                self.say(f"{child.name} saves what it is at, which may take {child.saving_seconds:.0f} s …")
            try:
                process.wait(max(0.0, deadline + child.saving_seconds - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say(f"{child.name} is busy and is ended now; its work is taken up again at the next start.")
            _signal_group(process, signal.SIGKILL)  # also what the child itself left behind
            process.wait()
        for each in offspring:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(offspring, timeout=STOP_SECONDS)
        self.children.clear()
        self.logs.clear()

    def _spawn(self, child: Child) -> None:
        with self.log_path(child).open("ab") as log:
            child.process = self._popen(
                child.command, output=log, niceness=child.niceness, when_orphaned=child.when_orphaned
            )
        child.started_at = time.monotonic()
        child.restart_at = None

    def _popen(
        self, command: Sequence[str], *, output: IO[bytes] | int, niceness: int, when_orphaned: int
    ) -> subprocess.Popen[bytes]:
        orphaned = die_with_parent(when_orphaned)

        def in_the_child() -> None:
            orphaned()
            os.nice(niceness)
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_DFL)

        return subprocess.Popen(
            command,
            cwd=self.cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then stops them in order
            preexec_fn=in_the_child,  # noqa: PLW1509  (the supervisor has no threads)
        )

    def _lines_of(self, process: subprocess.Popen[bytes]) -> Iterator[str]:
        """What the process writes, until it closes its output; raises between two lines where a stop is requested."""
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            rest = b""
            while True:
                self.raise_if_stop_requested()
                if not selector.select(LOOK_SECONDS):
                    continue
                data = os.read(process.stdout.fileno(), 65536)
                *whole, rest = (rest + data).split(b"\n")
                yield from (line.decode(errors="replace") for line in whole)
                if not data:
                    yield from [rest.decode(errors="replace")] if rest else []
                    return

    def _restart_if_dead(self, child: Child) -> None:
        if child.process is None or child.process.poll() is None:
            return
        now = time.monotonic()
        if child.restart_at is None:
            _signal_group(child.process, signal.SIGKILL)
            if now - child.started_at > WELL_SECONDS:
                child.deaths = 0
            wait = BACKOFF_SECONDS[min(child.deaths, len(BACKOFF_SECONDS) - 1)]
            child.deaths += 1
            child.restart_at = now + wait
            ended = _how_it_ended(child.process.returncode)
            self.say(f"{child.name} {ended}; it starts again in {wait} s. Its log: {self.log_path(child)}")
        elif now >= child.restart_at:
            self._spawn(child)
            self.say(f"{child.name} is started again.")

    def _pass_on_warnings(self, log: Log) -> None:
        warnings = log.warnings()
        for line in warnings[:LINES_AT_ONCE]:
            self.say(f"{log.name}: {line[:LINE_CHARACTERS]}")
        if len(warnings) > LINES_AT_ONCE:
            self.say(f"{log.name}: and {len(warnings) - LINES_AT_ONCE} more like these in {log.path}")


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):  # all of them are gone already, which is what was wanted
        os.killpg(process.pid, number)


def _how_it_ended(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
