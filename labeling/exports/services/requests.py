"""Snapshots that people and programs ask for: kept as a row, made by a worker, listed when they are done.

A worker may die between any two lines: the row then still waits, beat sends it again, and what was written whole is
taken as it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Unpack

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from labeling.base.outbox import Outbox
from labeling.base.refusals import SnapshotRefused
from labeling.base.states import ExportState
from labeling.base.text import LONGEST_ERROR
from labeling.base.worker_locks import worker_name
from labeling.exports.models import Snapshot, SnapshotRequest
from labeling.exports.services.snapshots import SnapshotOptions, make_snapshot, register_snapshot, selection_of
from lm.errors import Refused
from lm.snapshot.manifest import MANIFEST_NAME, utc_text, verify_snapshot

ONE_AT_A_TIME = 0x436F6E45  # "ConE"
TIMES = ("as_of", "since")

SNAPSHOT_REQUESTS = Outbox(
    model=SnapshotRequest,
    waiting=Q(state=ExportState.WAITING),
    task="labeling.tasks.make_snapshot",
    send_again_after=timedelta(minutes=2),
    order_by="asked_at",
)


def request_snapshot(*, user: User, **options: Unpack[SnapshotOptions]) -> SnapshotRequest:
    """Asks for a snapshot of what is handed in by now, or by `as_of`. Raises SnapshotRefused for options that can't be.

    Send SNAPSHOT_REQUESTS afterwards.
    """
    kept: dict[str, Any] = {**options, "as_of": selection_of(options).as_of}
    kept |= {name: utc_text(kept[name]) for name in TIMES if kept.get(name) is not None}
    return SnapshotRequest.objects.create(asked_by=user, options=kept, asked_at=timezone.now())


def answer_snapshot_request(*, request_id: int) -> None:
    """Makes the snapshot, if somebody still waits for it and nobody else makes it. Safe to run again at any time."""
    waiting = SnapshotRequest.objects.filter(pk=request_id, state=ExportState.WAITING)
    with _alone(request_id) as alone:
        request = waiting.select_related("asked_by").first() if alone else None
        if request is None:
            return
        waiting.update(dispatched_at=timezone.now(), worker=worker_name())
        try:
            snapshot = _made(request)
        except Exception as failure:
            refused = isinstance(failure, SnapshotRefused)
            said = str(failure) if refused else f"{type(failure).__name__}: {failure}"
            waiting.move(to=ExportState.FAILED, failure=said[:LONGEST_ERROR], finished_at=timezone.now())
            if not refused:
                raise
            return
        waiting.move(to=ExportState.DONE, snapshot=snapshot, finished_at=timezone.now())


def _made(request: SnapshotRequest) -> Snapshot:
    directory = Path(settings.SNAPSHOTS_DIR) / f"export-{request.pk}-{request.asked_at:%Y%m%dT%H%M%SZ}"
    if (directory / MANIFEST_NAME).exists():  # a worker died after it had written it
        try:
            manifest = verify_snapshot(directory)
        except Refused as refused:
            raise SnapshotRefused(str(refused)) from refused
        return register_snapshot(manifest=manifest, path=directory, made_by=request.asked_by.username)
    return make_snapshot(directory, made_by=request.asked_by.username, **options_of(request))[0]


def options_of(request: SnapshotRequest) -> SnapshotOptions:
    """What was asked for, as write_snapshot takes it."""
    kept = dict(request.options)
    for name in TIMES:
        if kept.get(name) is not None:
            kept[name] = datetime.fromisoformat(kept[name]).astimezone(UTC)
    return SnapshotOptions(**kept)  # type: ignore[typeddict-item]  # as request_snapshot wrote it


@contextmanager
def _alone(request_id: int) -> Iterator[bool]:
    """Whether this worker alone makes it: a message may come twice. The lock ends with the worker's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [ONE_AT_A_TIME, request_id])
        (alone,) = cursor.fetchone()
    try:
        yield alone
    finally:
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [ONE_AT_A_TIME, request_id])
