"""How a trainer's command line begins and ends: exit statuses, signals, several processes, a reader that went away.

Exit status: 0 done, 2 refused (the input can't be used), 1 failed, 130 interrupted, 143 terminated. Under torchrun the
first process that ends says why, and torchrun itself ends with 1.
"""

import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from transformers.utils import logging

from lm.errors import Failed, Refused, Terminated
from lm.progress import Progress
from lm.training.freed_memory import keep_freed_memory
from lm.training.interruption import signals_at_once
from lm.training.processes import Processes, joined, launched

INTERRUPTED = 130


def run_command(work: Callable[[Processes], None], progress: Progress, processes: Processes, *, device: str) -> int:
    """Does the work in every process of the run and returns the exit status; why it ended early is said once."""
    keep_freed_memory()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with signals_at_once():
            return _run(work, progress, processes, device)
    except BrokenPipeError:
        _discard_stdout()
        return 1


def _run(work: Callable[[Processes], None], progress: Progress, processes: Processes, device: str) -> int:
    try:
        with joined(processes, device=device) as processes:
            work(processes)
    except BrokenPipeError:
        processes.tells_the_end()
        raise
    except (Exception, Terminated, KeyboardInterrupt) as error:  # noqa: BLE001  who reads the progress must learn it
        status, words = _how_it_ended(error)
        if processes.tells_the_end():
            progress.error(words)
        return status
    return 0


def _how_it_ended(error: BaseException) -> tuple[int, str]:
    """Returns the exit status, and words for a person."""
    if isinstance(error, Refused):
        return 2, str(error)
    if isinstance(error, Failed):
        return 1, str(error)
    if isinstance(error, Terminated):
        return 143, "Terminated before the end."
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "Interrupted before the end."
    traceback.print_exception(error)
    return 1, f"{type(error).__name__}: {error}"


def _discard_stdout() -> None:
    """The reader is gone: what is left in the buffer must not raise again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def leave(status: int) -> NoReturn:
    """Ends the process, where an orderly exit would say something else by leaving at once.

    Of several processes NCCL would wait for those that are gone, and threads of torch's that still run abort one that
    is done. An interrupt that struck inside `exec` of a text counts as unhandled with `python -m`, whoever handled it.
    """
    if status == INTERRUPTED or launched().size > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
