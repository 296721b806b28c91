"""How exports read a database in which no label is still being committed.

Submissions hold a shared lock from before their time stamp is taken until they commit. An export takes the same lock
alone for a moment: once it has it, nothing stamped earlier can still be on its way, so a snapshot as of that moment
holds the same rows whenever it is made again.
"""

from datetime import datetime

from django.db import connection, transaction

EXPORT_LOCK = 0x436F6E63  # "Conc"


def while_no_export_looks() -> None:
    """Takes the shared lock. Called first inside every transaction that submits a label."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [EXPORT_LOCK])


def settled_now() -> datetime:
    """Returns a database time before which every label is committed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [EXPORT_LOCK])
        cursor.execute("SELECT clock_timestamp()")
        row: tuple[datetime] = cursor.fetchone()
        return row[0]
