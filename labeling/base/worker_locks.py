"""Who works, and whether the worker that wrote a row is alive: it holds an advisory lock of PostgreSQL, whose number is
in the row.

PostgreSQL gives the lock back when the worker's connection ends, so a kill -9 needs no word of the worker, and a worker
that is only slow is never taken for a dead one.
"""

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

from celery import current_task
from django.db import Error, connection, models

Rows = TypeVar("Rows", bound="models.QuerySet[Any]")

_held: ContextVar[int] = ContextVar("worker_lock", default=0)
# A lock of one number of 64 bits lies in pg_locks as two halves of 32.
HELD_LOCKS = """
SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def worker_name() -> str:
    """Of the Celery worker that this is, `sampling@host`; a host may have several. Outside of one, the host's."""
    return (current_task.request.hostname if current_task else None) or socket.gethostname()


@contextmanager
def worker_lock() -> Iterator[int]:
    """Holds a lock of this connection's; yields its number, which `held_lock` returns meanwhile."""
    number = random.getrandbits(62) + 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [number])
    before = _held.set(number)
    try:
        yield number
    finally:
        _held.reset(before)
        with suppress(Error), connection.cursor() as cursor:  # a connection that broke has given it back itself
            cursor.execute("SELECT pg_advisory_unlock(%s)", [number])


def held_lock() -> int:
    """The number of the lock that this worker holds; 0: it holds none."""
    return _held.get()


def of_dead_workers(rows: Rows) -> Rows:
    """Those of the rows, of a table with a column `worker_lock`, whose worker has died.

    The rows are read before the locks: whoever begins in between is not among them. Whoever ends in between has
    changed or deleted the row by then, so it is filtered once more when what is returned is read.
    """
    found = list(rows.values_list("pk", "worker_lock"))
    with connection.cursor() as cursor:
        cursor.execute(HELD_LOCKS)
        held = {number for (number,) in cursor.fetchall()}
    return rows.filter(pk__in=[pk for pk, number in found if number not in held])
