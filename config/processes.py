"""Child processes that cannot outlive their parent, however the parent ends."""

import ctypes
import os
import signal
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(signal_number: int = signal.SIGKILL) -> Callable[[], None]:
    """A `preexec_fn` for subprocess.Popen: the kernel sends `signal_number` to the child when its parent thread dies.

    This is what makes `kill -9` of a supervisor leave nothing behind: no Python code of ours runs then.
    Call it in the thread that starts the child, and only from a thread that lives as long as the parent does.
    """
    parent = os.getpid()

    def ask_the_kernel() -> None:
        if _libc.prctl(PR_SET_PDEATHSIG, signal_number) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != parent:  # the parent died between fork and prctl, so that no signal will ever come
            os.kill(os.getpid(), signal.SIGKILL)

    return ask_the_kernel
