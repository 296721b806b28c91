"""Directories and files that are there whole or not at all.

What is written goes beside its final place under a dotted name, is synced to disk, then renamed. The writer of a
directory holds a lock on it, which the kernel lets go of when the process dies: an unlocked dotted directory is what a
killed process left, and the next writer removes it.
"""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from lm.errors import Failed

PARTIAL = ".partial"


@contextmanager
def atomic_directory(directory: Path) -> Iterator[Path]:
    """Yields a directory to fill, which becomes `directory` when the block ends well and vanishes on any error.

    `directory` must not exist yet, or be empty. Raises Failed when the disk refuses.
    """
    with disk_errors_told(directory):
        directory.absolute().parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(directory.absolute().parent)
        with _locked_partial(directory.absolute()) as partial:
            yield partial
            _sync_all(partial)
            partial.rename(directory)
            sync(directory.absolute().parent)


@contextmanager
def disk_errors_told(directory: Path) -> Iterator[None]:
    """Raises Failed for an OSError inside."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise Failed(
            f"{directory} could not be written: {error.strerror or error}{where}. Nothing of it is left behind."
        ) from error


def write_json_file(path: Path, content: Mapping[str, object]) -> None:
    """Replaces `path` by the content, whole or not at all. Raises Failed when the disk refuses."""
    write_text_file(path, [json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False), "\n"])


def write_text_file(path: Path, pieces: Iterable[str]) -> None:
    """Replaces `path` by the pieces as they come, whole or not at all. Raises Failed when the disk refuses."""
    partial = path.absolute().with_name(f".{path.name}{PARTIAL}")
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
        sync(path.absolute().parent)
    except OSError as error:
        raise Failed(f"{path} could not be written: {error}.") from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _locked_partial(directory: Path) -> Iterator[Path]:
    partial, lock = _create_locked(directory)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # after the rename there is nothing to remove
        os.close(lock)


# The library filelock opens its file for writing, which a directory can't be; a lock file beside each directory would
# be one more thing for a killed process to leave.
def _create_locked(directory: Path) -> tuple[Path, int]:
    while True:
        partial = directory.parent / f".{directory.name}.{secrets.token_hex(8)}{PARTIAL}"
        partial.mkdir()
        lock = os.open(partial, os.O_RDONLY)
        with suppress(OSError):  # a file system without locks: what is left stays for a person to remove
            fcntl.flock(lock, fcntl.LOCK_EX)
        if partial.exists():
            return partial, lock
        os.close(lock)  # another writer took it for a leftover between the two lines above


def _remove_leftovers(parent: Path) -> None:
    for partial in parent.glob(f".*{PARTIAL}"):
        with suppress(OSError):  # locked (its writer is alive), a file, or somebody else removed it first
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
            sync(Path(folder, name))
        sync(Path(folder))


def sync(path: Path) -> None:
    """Files and directories both: a name is on the disk only when its directory is."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
