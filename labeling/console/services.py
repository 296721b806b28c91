"""Counts what pages would be slow to count (models.py says why). Beat calls both, every minute."""

import time
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from labeling.base.states import AssignmentKind
from labeling.console.models import DailyWork, KeptFigure
from labeling.console.queries.figures import FIGURES
from labeling.console.queries.work import handed_in, midnight_of, uncounted_since

SETTLED_AFTER = timedelta(minutes=10)
"""After midnight: what was begun before it is committed by then."""
AT_ONCE = 2000
MOST_OF_THE_TIME = 0.05


@transaction.atomic
def count_days(*, now: datetime | None = None) -> int:
    """Counts the days that are over and were not counted. Returns how many rows it wrote.

    Two at once write the same rows, of which the second lot is ignored.
    """
    until = midnight_of((now or timezone.now()) - SETTLED_AFTER)
    since = uncounted_since()
    written = 0
    for kind, work in handed_in(since=since, until=until).items():
        written += _count(kind, work)
    return written


def _count(kind: AssignmentKind, work: QuerySet[Any]) -> int:
    batch, written = [], 0
    keys = ("day", "campaign", "labeler", "language", "simulated", "count", "active_seconds")
    for row in work.values_list(*keys).iterator(chunk_size=AT_ONCE):
        values = dict(zip(keys, row, strict=True))
        campaign, labeler = values.pop("campaign"), values.pop("labeler")
        batch.append(DailyWork(kind=kind, campaign_id=campaign, labeler_id=labeler, **values))
        if len(batch) == AT_ONCE:
            written += len(DailyWork.objects.bulk_create(batch, ignore_conflicts=True))
            batch = []
    return written + len(DailyWork.objects.bulk_create(batch, ignore_conflicts=True))


def count_figures() -> None:
    """Counts each figure anew and writes down how long it took, by which pages know whether to count it themselves.

    What takes long is counted more rarely, so that no more than MOST_OF_THE_TIME goes into it.
    """
    kept = KeptFigure.objects.in_bulk()
    for name, count in FIGURES.items():
        last = kept.get(name)
        if last and timezone.now() - last.counted_at < timedelta(seconds=last.seconds / MOST_OF_THE_TIME):
            continue
        began = time.perf_counter()
        value = count()
        took = time.perf_counter() - began
        KeptFigure.objects.update_or_create(
            name=name, defaults={"value": value, "counted_at": timezone.now(), "seconds": took}
        )
