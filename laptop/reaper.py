"""The process above `manage.py up`: whatever happens to that, nothing that it started outlives this one.

Linux hands orphans to the nearest ancestor that asked for them (a subreaper, as tini and systemd are). So a gunicorn
worker whose master was killed, or a trainer whose worker was, does not get lost: it is a child of this process, which
ends what is left after `up` has ended, or was killed. If this process is killed itself, `up` stops in good order.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType
from typing import NoReturn

import psutil

from laptop.embedded import Services
from lm.child_processes import adopt_orphans, die_with_parent

# For what was asked to end when its parent died, such as a trainer that saves where it is. Then comes SIGKILL.
PATIENCE_SECONDS = 5.0
LOOK_SECONDS = 0.05
OWNER = "laptop.service_owner"


def stop_signals() -> list[signal.Signals]:
    """What asks for a stop: Ctrl-C, `kill`, and a closed terminal unless `nohup` said that it shall not."""
    hang_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hang_up]


def go_on_in_a_child(services: Services | None) -> None:
    """Returns in a child process. This process stays behind, hands requests to stop on, and cleans up at the end.

    The child begins with those signals blocked: it unblocks them when it has handlers, so that none shows a traceback.
    """
    adopt_orphans()
    sys.stdout.flush()
    sys.stderr.flush()
    asked_to_stop_with_this_process = die_with_parent(signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals())
    child = os.fork()
    if child == 0:
        asked_to_stop_with_this_process()
        return
    _stay_behind(child, services)


def _stay_behind(child: int, services: Services | None) -> NoReturn:
    def hand_on(number: int, _frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, number)

    for number in stop_signals():
        signal.signal(number, hand_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, stop_signals())
    ended, status = os.wait()
    while ended != child:  # an orphan
        ended, status = os.wait()
    _end_what_is_left()
    if services is not None and services.owner_lock.exists():
        services.wait_until_stopped()
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _end_what_is_left() -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := list(_descendants(psutil.Process())):
        if time.monotonic() > deadline:
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        _reap()
        time.sleep(LOOK_SECONDS)


def _descendants(process: psutil.Process) -> Iterator[psutil.Process]:
    """All of them, except who owns PostgreSQL and Redis: other commands may use those, and it ends with the last."""
    with suppress(psutil.NoSuchProcess):
        for child in process.children():
            if not _is_owner(child):
                yield child
                yield from _descendants(child)


def _is_owner(process: psutil.Process) -> bool:
    try:
        return OWNER in process.cmdline()
    except psutil.Error:  # it has just ended
        return False


def _reap() -> None:
    """Takes note of children that ended; until then they count as processes."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
