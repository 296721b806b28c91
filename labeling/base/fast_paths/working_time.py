"""A labeler's working time, read and written by SQL of our own: each submission says how long its page counted.

Saves 3 of 18 ms of processor time from a submission to the next page. What the rows mean is said in
labeling/desk/services/working_time.py.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection

LOCK = 730_190
"""The first key of the advisory lock under which a labeler's time is written; the second is the labeler."""

# The second statement sees what was written before the lock was had.
READ = """
SELECT pg_advisory_xact_lock(%s, %s);
SELECT token = %s::uuid AS of_work, CASE WHEN token = %s::uuid THEN page END AS of_page, quarter,
    sum(seconds), max(counted), max(reported_at)
FROM labeling_workingtime WHERE labeler_id = %s AND (quarter >= %s OR token = %s::uuid)
GROUP BY of_work, of_page, quarter
"""
WRITE = """
INSERT INTO labeling_workingtime (labeler_id, campaign_id, token, page, quarter, seconds, counted, reported_at)
SELECT %s, %s, %s::uuid, %s, written.quarter, written.seconds, %s, %s
FROM unnest(%s::timestamptz[], %s::float[]) AS written (quarter, seconds)
ON CONFLICT (token, page, quarter) DO UPDATE
SET seconds = excluded.seconds, counted = excluded.counted, reported_at = excluded.reported_at
"""


class TimeRow(NamedTuple):
    """Seconds in one quarter of an hour, of a page of the work that was asked about, or of all other work together."""

    of_work: bool
    page: str | None
    quarter: datetime
    seconds: float
    counted: float
    reported_at: datetime


def lock_and_read_time(*, labeler_id: int, token: UUID | str, since: datetime) -> list[TimeRow]:
    """All that the labeler's pages counted from `since` on, or for the work of the token. For use in a transaction."""
    key = str(token)
    with connection.cursor() as cursor:
        cursor.execute(READ, [LOCK, labeler_id % 2**31, key, key, labeler_id, since, key])
        return [TimeRow(*row) for row in cursor.fetchall()]


def write_time(
    *,
    labeler_id: int,
    campaign_id: int,
    token: UUID | str,
    page: str,
    counted: float,
    reported_at: datetime,
    seconds: Mapping[datetime, float],
) -> None:
    """Writes down what a page counted in each of some quarters of an hour, in the place of what it said before."""
    with connection.cursor() as cursor:
        cursor.execute(
            WRITE,
            [labeler_id, campaign_id, str(token), page, counted, reported_at, list(seconds), list(seconds.values())],
        )
