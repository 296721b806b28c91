"""Directories that appear whole or not at all.

A directory is written beside its final place under a dotted name, synced to disk, then renamed. Its writer holds a
lock on it, which the kernel lets go of when the process dies: an unlocked dotted directory is a dead export's litter.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from labeling.base.refusals import SnapshotRefused

PARTIAL = ".partial"


@contextmanager
def appearing_at_once(directory: Path) -> Iterator[Path]:
    """Yields a directory to write into, which gets its final name when the block ends, or vanishes on any error.

    Raises SnapshotRefused when `directory` exists or the disk refuses, in words.
    """
    _refuse_existing(directory)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        _remove_litter(directory.parent)
        with _locked_partial(directory) as partial:
            yield partial
            _sync_all(partial)
            _refuse_existing(directory)
            partial.rename(directory)
            _sync(directory.parent)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise SnapshotRefused(
            f"{directory} could not be written: {error.strerror or error}{where}. Nothing was left behind; "
            "make room or choose another place, then export again."
        ) from error


def _refuse_existing(directory: Path) -> None:
    if directory.exists() or directory.is_symlink():
        raise SnapshotRefused(f"{directory} exists already, and a snapshot never changes. Name a new directory.")


@contextmanager
def _locked_partial(directory: Path) -> Iterator[Path]:
    partial, lock = _create_locked(directory)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # after the rename there is nothing to remove
        os.close(lock)


def _create_locked(directory: Path) -> tuple[Path, int]:
    while True:
        partial = directory.parent / f".{directory.name}.{secrets.token_hex(8)}{PARTIAL}"
        partial.mkdir()
        lock = os.open(partial, os.O_RDONLY)
        with suppress(OSError):  # a file system without locks: litter stays for a person to remove
            fcntl.flock(lock, fcntl.LOCK_EX)
        if partial.exists():
            return partial, lock
        os.close(lock)  # another export took it for litter between the two lines above


def _remove_litter(parent: Path) -> None:
    for partial in parent.glob(f".*{PARTIAL}"):
        with suppress(OSError):  # locked (its writer is alive), or somebody else removed it first
            _remove_unlocked(partial)


def _remove_unlocked(partial: Path) -> None:
    lock = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(partial)
    finally:
        os.close(lock)


def _sync_all(directory: Path) -> None:
    for folder, _, files in os.walk(directory, topdown=False):
        for name in files:
            _sync(Path(folder, name))
        _sync(Path(folder))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
