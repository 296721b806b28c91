"""`python -m rm_trainer` in a process of its own, so that a CUDA fault can't take the worker down."""

import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from lm.child_processes import die_with_parent
from lm.progress import AliveEvent, Event, parse_event

HEARTBEAT_SECONDS = 20.0
"""How often the worker says that the process is alive while that prints nothing."""

Heard = Callable[[Event | AliveEvent], None]


class TrainerFailed(Exception):
    """The trainer ended with an error; the message is its own, or the end of its log."""


def run_trainer(*, command: Sequence[str], log_path: Path, heard: Heard) -> None:
    """Runs the command to its end. Calls `heard` with every progress object, and with {"event": "alive"} now and then.

    Raises TrainerFailed. If `heard` raises, the process is stopped first.
    """
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        # Unbuffered: a line that waits in a buffer of ours would not wake the selector.
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            bufsize=0,
            start_new_session=True,
            env=_environment(),
            # A worker that is killed takes it along: SIGTERM, so that it saves where it is.
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509  (this thread waits for it until its end)
        )
        assert process.stdout is not None
        try:
            error = _listen(process.stdout, heard)
            status = process.wait()
        finally:
            _stop(process)
    if status != 0:
        raise TrainerFailed(error or f"{_how_it_ended(status)}. The end of its log:\n{tail(log_path)}")


def tail(path: Path, *, lines: int = 20) -> str:
    """The last lines of a log, or a note that there is none."""
    if not path.exists():
        return "(no log)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}


def _listen(stdout: IO[bytes], heard: Heard) -> str | None:
    """Passes progress lines on until the process closes its output; returns the error that it reported, if any."""
    error: str | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(timeout=HEARTBEAT_SECONDS):
                heard({"event": "alive"})
                continue
            line = stdout.readline()
            if not line:
                return error
            event = parse_event(line)
            if event is not None and event["event"] == "error":
                error = event["message"]
            elif event is not None:
                heard(event)


def _how_it_ended(status: int) -> str:
    if status < 0:
        return f"The training process was ended by {signal.Signals(-status).name}"
    return f"The training process ended with exit status {status}"


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
