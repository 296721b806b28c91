"""What Linux does for a program whose processes must not outlive it (<sys/prctl.h>)."""

import ctypes
import os
import signal
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(signal_number: int = signal.SIGKILL) -> Callable[[], None]:
    """Returns a `preexec_fn` for subprocess.Popen: the kernel sends `signal_number` to the child when its parent dies.

    So `kill -9` of the parent leaves no child behind, although no code of ours runs then. The kernel means the thread
    that started the child: call this in a thread that lives as long as the process does.
    """
    parent = os.getpid()

    def ask_the_kernel() -> None:
        _prctl(PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:  # it died between fork and prctl, so that no signal will ever come
            os.kill(os.getpid(), signal.SIGKILL)

    return ask_the_kernel


def end_with_own_parent(signal_number: int) -> None:
    """The kernel sends this process `signal_number` when the process that started it dies."""
    _prctl(PR_SET_PDEATHSIG, signal_number)


def adopt_orphans() -> None:
    """Makes this process the new parent of descendants whose parent dies, instead of process 1."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
