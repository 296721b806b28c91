"""Where tokens are kept between runs, so that a snapshot is tokenised once.

    CACHE/KEY/rows.bin, tokens.bin, remarks.json    as rm_trainer/token_file.py has them
    CACHE/KEY/entry.json                            the sha256 of each

KEY is the sha256 of all that decides the content: the sha256 of the snapshot's file, and Renderer.fingerprint. Of a
snapshot that has grown, only the files that are new are tokenised.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time

from lm.atomic_files import atomic_directory, write_json_file
from lm.errors import Refused
from lm.rendering import Renderer
from lm.snapshot.reading import Shard
from rm_trainer.token_file import FILES, LAYOUT, TokenFile, write_tokens

KEY = re.compile(r"[0-9a-f]{64}")
UNUSED_SECONDS = 30 * 24 * 3600


def default_cache() -> Path:
    """Tokens are kept for a user, not for an output: the next run over the same files makes them no more."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "concord" / "tokens"


def open_tokens(shard: Shard, renderer: Renderer, cache: Path) -> TokenFile:
    """The shard's entry, made first where there is none or a damaged one; several processes may ask at once.

    Raises Refused for a record that can't be used, or a directory that can't be written to.
    """
    decisive = [LAYOUT, shard.kind, shard.sha256, renderer.fingerprint]
    entry = cache / hashlib.sha256(json.dumps(decisive).encode()).hexdigest()
    with _alone(entry):
        if not _whole(entry):
            shutil.rmtree(entry, ignore_errors=True)
            with atomic_directory(entry) as unfinished:
                write_tokens(shard, renderer, unfinished)
                write_json_file(unfinished / "entry.json", _hashes(unfinished))
        os.utime(entry)
    return TokenFile.open(shard, entry)


def forget_unused(cache: Path) -> None:
    """Removes what no run has opened for a month."""
    for entry in cache.glob("*"):
        if KEY.fullmatch(entry.name) and _unused(entry):
            with _alone(entry):
                if _unused(entry):  # still: whoever had the lock may have opened it
                    shutil.rmtree(entry)


def _unused(entry: Path) -> bool:
    return entry.exists() and time() - entry.stat().st_mtime > UNUSED_SECONDS


@contextmanager
def _alone(entry: Path) -> Iterator[None]:
    """Holds the entry's lock, which the kernel lets go of when the process ends, however it ends."""
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        lock = entry.with_name(f".{entry.name}.lock").open("wb")
    except OSError as error:
        raise Refused(
            f"{entry.parent} can't be written to ({error.strerror}). Give another --cache-directory."
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _whole(entry: Path) -> bool:
    try:
        stated = json.loads((entry / "entry.json").read_text())
        return bool(stated == _hashes(entry))
    except (OSError, ValueError):
        return False


def _hashes(entry: Path) -> dict[str, str]:
    found = {}
    for name in FILES:
        with (entry / name).open("rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
