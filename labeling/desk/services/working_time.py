"""Working time: what pages count is written down here, and nowhere else.

A labeler's day, the time of a label in exports and the clock of a page are sums of these rows.
"""

from collections import defaultdict
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from labeling.desk.models import HeldWork, WorkingTime
from labeling.desk.rules.working_time import LONGEST_TASK_SECONDS, QUARTER, credited, quarter_of

LONGEST = QUARTER.total_seconds()
ONE_PAGE_AFTER_THE_OTHER = 730_190
"""The first key of the advisory lock under which a labeler's time is written; the second is the labeler."""


@transaction.atomic
def record_time(held: HeldWork, *, page: str, seconds: float) -> float:
    """Writes down that a page has counted `seconds` at work since it was opened. Returns all seconds of the work.

    What the page said before is part of it, so that it may be said twice. More than has passed since the page spoke
    last, or than the labeler's other pages leave of that time, is not believed, nor more than LONGEST_TASK_SECONDS.
    """
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [ONE_PAGE_AFTER_THE_OTHER, held.labeler.pk % 2**31])
    since = max(held.begun_at, now - timedelta(seconds=LONGEST_TASK_SECONDS))
    rows = list(
        WorkingTime.objects.filter(Q(quarter__gte=quarter_of(since)) | Q(token=held.token), labeler=held.labeler)
    )
    of_work = sum(row.seconds for row in rows if row.token == held.token)
    of_page = {row.quarter: row for row in rows if row.token == held.token and row.page == page}
    counted = max((row.counted for row in of_page.values()), default=0.0)
    if seconds <= counted:
        return of_work
    taken: defaultdict[datetime, float] = defaultdict(float)
    for row in rows:
        taken[row.quarter] += row.seconds
    before = {quarter: row.seconds for quarter, row in of_page.items()}
    spoke = max((row.reported_at for row in of_page.values()), default=since)
    new = min(seconds - counted, LONGEST_TASK_SECONDS - of_work)
    spread = credited(new, since=spoke, until=now, taken=taken)
    WorkingTime.objects.bulk_create(
        [
            WorkingTime(
                labeler=held.labeler,
                campaign=held.campaign,
                token=held.token,
                page=page,
                quarter=quarter,
                seconds=min(LONGEST, spread.get(quarter, 0.0) + before.get(quarter, 0.0)),
                counted=seconds,
                reported_at=now,
            )
            for quarter in {quarter_of(now), *spread}
        ],
        update_conflicts=True,
        unique_fields=["token", "page", "quarter"],
        update_fields=["seconds", "counted", "reported_at"],
    )
    return of_work + sum(spread.values())
