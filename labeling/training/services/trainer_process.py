"""`python -m rm_trainer` in a process of its own, so that a CUDA fault can't take the worker down."""

import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import IO

from labeling.training.services import stopping
from lm.child_processes import die_with_parent
from lm.progress import AliveEvent, Event, parse_event

ALIVE_SECONDS = 2.0
"""How often the listener looks up while the process prints nothing."""
SAVING_SECONDS = 30.0
"""How long a process that is stopped by us may take to save where it is."""

Heard = Callable[[Event | AliveEvent], None]


class TrainerFailed(Exception):
    """The trainer ended with an error; the message is its own, or the end of its log."""


class TrainerInterrupted(Exception):
    """The trainer was killed, or hung and was ended: the same command may go on from its checkpoint."""


class TrainerStopped(Exception):
    """The worker is stopped; the trainer has saved where it was."""


def run_trainer(*, command: Sequence[str], log_path: Path, heard: Heard, silent_for: timedelta | None = None) -> None:
    """Runs the command to its end. Calls `heard` with every progress object, and with {"event": "alive"} now and then.

    Ended as hanging when it reports no progress for `silent_for`. Raises TrainerFailed, TrainerInterrupted and
    TrainerStopped. If `heard` raises, the process is stopped first.
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
        listener = _Listener(process, process.stdout, heard, silent_for)
        try:
            listener.listen()
            status = process.wait()
        finally:
            _stop(process)
    if status == 0:
        return
    if listener.stopped:
        raise TrainerStopped
    if status < 0:
        raise TrainerInterrupted(f"{_how_it_ended(status)}. The end of its log:\n{tail(log_path)}")
    raise TrainerFailed(listener.error or f"{_how_it_ended(status)}. The end of its log:\n{tail(log_path)}")


def tail(path: Path, *, lines: int = 20) -> str:
    """The last lines of a log, or a note that there is none."""
    if not path.exists():
        return "(no log)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}


class _Listener:
    """Hears a process until it closes its output. `error` is what it reported, `stopped` whether it was asked to."""

    def __init__(
        self, process: subprocess.Popen[bytes], stdout: IO[bytes], heard: Heard, silent_for: timedelta | None
    ) -> None:
        self._process = process
        self._stdout = stdout
        self._heard = heard
        self._silent_for = silent_for
        self._got_on_at = monotonic()
        self.error: str | None = None
        self.stopped = False

    def listen(self) -> None:
        """Raises TrainerInterrupted when it hangs."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            if (stop := stopping.asked()) is not None:
                selector.register(stop, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _events in selector.select(timeout=ALIVE_SECONDS)]
                self._refuse_to_wait_for_ever()
                if stop in ready:
                    selector.unregister(stop)
                    self._process.terminate()
                    self.stopped = True
                if self._stdout in ready:
                    line = self._stdout.readline()
                    if not line:
                        return
                    self._take(line)
                elif not ready:
                    self._heard({"event": "alive"})

    def _take(self, line: bytes) -> None:
        event = parse_event(line)
        if event is None:
            return
        self._got_on_at = monotonic()
        if event["event"] == "error":
            self.error = event["message"]
        else:
            self._heard(event)

    def _refuse_to_wait_for_ever(self) -> None:
        """A process that hangs (a stuck GPU, SIGSTOP) is alive for the kernel, and only says nothing any more."""
        if self._silent_for is None or monotonic() - self._got_on_at <= self._silent_for.total_seconds():
            return
        self._process.kill()  # nothing less reaches a process that SIGSTOP holds
        raise TrainerInterrupted(
            f"The training process made no progress for {self._silent_for.total_seconds() / 60:.0f} minutes "
            "(TRAINING_SILENT_MINUTES); it hung, and was ended."
        )


def _how_it_ended(status: int) -> str:
    if status < 0:
        return f"The training process was ended by {signal.Signals(-status).name}"
    return f"The training process ended with exit status {status}"


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=SAVING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
