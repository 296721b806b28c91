"""Room on the disks: of the folders that Concord writes, and in PostgreSQL, whose disk nobody else can look at."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection, transaction

GIB = 2**30
ASK_AGAIN_SECONDS = 10.0
# A temporary table takes a new file and new pages on the database's disk, as every save does sooner or later, and
# leaves nothing. A plain SELECT succeeds on a full disk.
TAKE_ROOM = "CREATE TEMPORARY TABLE concord_room ON COMMIT DROP AS SELECT repeat('x', 1000) FROM generate_series(1, 64)"
DISK_FULL = "53100"
"""SQLSTATE of “could not extend file: No space left on device”."""


@dataclass(frozen=True, kw_only=True)
class Disk:
    """The disk under a folder of Concord's."""

    folder: Path
    free_gib: float


def disks_with_room() -> list[Disk]:
    """Each disk that holds a folder of Concord's, named by that folder."""
    found: dict[int, Disk] = {}
    for folder in (settings.VAR_DIR, settings.MODELS_DIR, settings.SNAPSHOTS_DIR, settings.CHECKPOINTS_DIR):
        there = next((path for path in (folder, *folder.parents) if path.exists()), None)
        if there is not None:
            free = shutil.disk_usage(there).free / GIB
            found.setdefault(there.stat().st_dev, Disk(folder=folder, free_gib=free))
    return list(found.values())


def disks_almost_full() -> list[Disk]:
    """Those with less room than DISK_ALERT_GIB."""
    return [disk for disk in disks_with_room() if disk.free_gib < settings.DISK_ALERT_GIB]


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what it was raised from, says that PostgreSQL has no room left."""
    while error is not None:
        if getattr(error, "pgcode", None) == DISK_FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def database_has_room() -> bool:
    """Whether PostgreSQL can store anything, as of ASK_AGAIN_SECONDS ago. Raises DatabaseError, InterfaceError."""
    if time.monotonic() - _asked["at"] > ASK_AGAIN_SECONDS:
        _asked.update(at=time.monotonic(), has_room=_ask())
    return bool(_asked["has_room"])


_asked: dict[str, float | bool] = {"at": float("-inf"), "has_room": True}


def _ask() -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(TAKE_ROOM)
            cursor.execute("DROP TABLE concord_room")  # where tests hold the transaction open
    except DatabaseError as error:
        if is_disk_full(error):
            return False
        raise
    return True
