"""Working time: what pages count is written down here, and nowhere else.

A labeler's day, the time of a label in exports and the clock of a page are sums of these rows.
"""

from collections import defaultdict
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from labeling.base.fast_paths.working_time import lock_and_read_time, write_time
from labeling.desk.models import HeldWork
from labeling.desk.rules.working_time import LONGEST_TASK_SECONDS, QUARTER, credited, quarter_of

LONGEST = QUARTER.total_seconds()


@transaction.atomic
def record_time(held: HeldWork, *, page: str, seconds: float) -> float:
    """Writes down that a page has counted `seconds` at work since it was opened. Returns all seconds of the work.

    What the page said before is part of it, so that it may be said twice. More than has passed since the page spoke
    last, or than the labeler's other pages leave of that time, is not believed, nor more than LONGEST_TASK_SECONDS.
    """
    now = timezone.now()
    since = max(held.begun_at, now - timedelta(seconds=LONGEST_TASK_SECONDS))
    rows = lock_and_read_time(labeler_id=held.labeler.pk, token=held.token, since=quarter_of(since))
    of_work = sum(row.seconds for row in rows if row.of_work)
    of_page = {row.quarter: row for row in rows if row.of_work and row.page == page}
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
    write_time(
        labeler_id=held.labeler.pk,
        campaign_id=held.campaign.pk,
        token=held.token,
        page=page,
        counted=seconds,
        reported_at=now,
        seconds={
            quarter: min(LONGEST, spread.get(quarter, 0.0) + before.get(quarter, 0.0))
            for quarter in {quarter_of(now), *spread}
        },
    )
    return of_work + sum(spread.values())
