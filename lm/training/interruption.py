"""What ends a run from outside: a signal, a lost device, a lost process."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import torch
import torch.distributed as dist

from lm.errors import Failed, Terminated

LOST = (torch.AcceleratorError, torch.OutOfMemoryError, dist.DistError)


@dataclass
class Stop:
    asked: bool = False


@contextmanager
def sigterm_at_once() -> Iterator[None]:
    """Turns SIGTERM into Terminated, so that everything half-written is cleaned up on the way out."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    with _on_sigterm(stop):
        yield


@contextmanager
def sigterm_after_the_step(*, enabled: bool) -> Iterator[Stop]:
    """Inside it SIGTERM only asks: the step is finished and saved first. Not enabled, SIGTERM acts at once."""
    stop = Stop()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.asked = True

    if not enabled:
        yield stop
        return
    with _on_sigterm(ask):
        yield stop


@contextmanager
def faults_told(what_is_kept: Callable[[], str]) -> Iterator[None]:
    """Says of a device or a process that was lost what happened and how to go on. Raises Failed for it."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, LOST) and "/gloo/" not in str(error):  # gloo's errors have no class of their own
            raise
        raise Failed(f"{_what_was_lost(error)}: {str(error).splitlines()[0].rstrip('.')}. {what_is_kept()}") from error


@contextmanager
def _on_sigterm(act: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, act)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _what_was_lost(error: RuntimeError) -> str:
    if isinstance(error, torch.OutOfMemoryError):
        return "The device has not enough memory (lower --tokens-per-microbatch or give --recompute-activations)"
    if isinstance(error, torch.AcceleratorError):
        return "The device failed"
    return "Another process of the run is gone"
