"""What ends a run from outside: a signal, a lost device, a lost process."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import FrameType

import torch
import torch.distributed as dist

from lm.errors import Failed, Terminated

Handler = Callable[[int, FrameType | None], None]
LOST = (torch.AcceleratorError, torch.OutOfMemoryError, dist.DistError)


@dataclass
class Stop:
    asked: bool = False


_raised: list[BaseException] = []
"""By a signal, since the run began."""


@contextmanager
def signals_at_once() -> Iterator[None]:
    """Turns SIGTERM into Terminated, so that everything half-written is cleaned up on the way out; notes that, and a
    KeyboardInterrupt, for `raise_what_was_lost`. SIGINT stays ignored where it is.
    """

    def raising(kind: type[BaseException]) -> Handler:
        def strike(_number: int, _frame: FrameType | None) -> None:
            _raised.append(kind())
            raise _raised[-1]

        return strike

    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ctrl_c = _on(signal.SIGINT, raising(KeyboardInterrupt)) if interruptible else nullcontext()
    try:
        with _on(signal.SIGTERM, raising(Terminated)), ctrl_c:
            yield
    finally:
        _raised.clear()


def raise_what_was_lost() -> None:
    """Raises again what a signal raised, after each step: inside a destructor or a callback of the collector, where
    Python prints an exception and goes on, it would have ended nothing.
    """
    if _raised:
        raise _raised[0]


@contextmanager
def sigterm_after_the_step(*, enabled: bool) -> Iterator[Stop]:
    """Inside it SIGTERM only asks: the step is finished and saved first. Not enabled, SIGTERM acts at once."""
    stop = Stop()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.asked = True

    if not enabled:
        yield stop
        return
    with _on(signal.SIGTERM, ask):
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
def _on(number: signal.Signals, act: Handler) -> Iterator[None]:
    before = signal.signal(number, act)
    try:
        yield
    finally:
        signal.signal(number, before)


def _what_was_lost(error: RuntimeError) -> str:
    if isinstance(error, torch.OutOfMemoryError):
        return "The device has not enough memory (lower --tokens-per-microbatch or give --recompute-activations)"
    if isinstance(error, torch.AcceleratorError):
        return "The device failed"
    return "Another process of the run is gone"
