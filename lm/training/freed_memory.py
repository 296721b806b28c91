"""Memory that is freed stays with the process, where the C library is glibc.

By default glibc hands every block of more than 128 KB, later 32 MB, back to the kernel when it is freed, and the kernel
gives out each of its pages anew, cleared, to the next operation. A trainer frees and takes such blocks all the time:
clearing what products write takes some per cent of a small model's training.
"""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""mallopt(3)."""
KEPT = 2**30
"""Bytes: larger blocks, and what is free beyond it at the heap's end, are handed back all the same."""


def keep_freed_memory() -> None:
    """From now on, for the whole process; elsewhere nothing happens."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, KEPT)
        mallopt(M_TRIM_THRESHOLD, KEPT)
