"""How a worker that is stopped stops its trainer: that saves where it is, and the run waits for the next worker.

Celery tells the worker's main process that it is to stop, while the training is followed in a child of it. A pipe that
is made before the child is forked wakes it up: once a byte lies in it, it stays readable for whoever looks.
"""

import os

_pipe: tuple[int, int] | None = None


def prepare() -> None:
    """Called by the worker before it forks."""
    global _pipe  # noqa: PLW0603  (one worker a process)
    if _pipe is None:
        _pipe = os.pipe()


def ask() -> None:
    """The worker is to stop. Safe in a signal handler, and more than once."""
    if _pipe is not None:
        os.write(_pipe[1], b".")


def asked() -> int | None:
    """Returns a file descriptor that becomes readable when the worker is to stop; None outside workers."""
    return _pipe[0] if _pipe else None
