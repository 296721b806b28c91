"""Whether style sheets and scripts have changed since they were collected, which takes ten seconds of a processor."""

import hashlib
import json
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders

MARK = "collected.sha256"


def are_collected() -> bool:
    """True where STATIC_ROOT was filled from the files that are there now, to the same names."""
    try:
        return _mark().read_text() == _fingerprint()
    except OSError:
        return False


def note_collected() -> None:
    _mark().write_text(_fingerprint())


def _mark() -> Path:
    return Path(settings.STATIC_ROOT) / MARK


def _fingerprint() -> str:
    """Of every file's name, size and time of change, and of how names are made."""
    digest = hashlib.sha256(json.dumps(settings.STORAGES, default=str, sort_keys=True).encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            file = Path(storage.path(name)).stat()
            digest.update(f"{name} {file.st_size} {file.st_mtime_ns}\n".encode())
    return digest.hexdigest()
