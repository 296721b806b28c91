"""Counts what pages would be slow to count (models.py says why). Beat calls both, every minute."""

import time
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
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


# Of k completions in groups of tied ones there are as many ordered pairs as (k² − Σ n²) / 2, with n in each group.
COMPARISONS = """
WITH tied AS (
    SELECT ranking.id, ranking.task_id, ranking.labeler_id, ranking.simulated, ranking.submitted_at, count(*) AS n
    FROM labeling_ranking AS ranking
    JOIN labeling_rankedcompletion AS ranked ON ranked.ranking_id = ranking.id
    WHERE ranking.revision = 1 AND ranking.submitted_at < %(until)s
        AND (%(since)s::timestamptz IS NULL OR ranking.submitted_at >= %(since)s)
    GROUP BY ranking.id, ranked.rank
), ordered AS (
    SELECT task_id, labeler_id, simulated, submitted_at, (sum(n) * sum(n) - sum(n * n)) / 2 AS pairs
    FROM tied GROUP BY id, task_id, labeler_id, simulated, submitted_at
), of_day AS (
    SELECT (submitted_at AT TIME ZONE %(zone)s)::date AS day, task.campaign_id, labeler_id, task.language, simulated,
        sum(pairs) AS pairs
    FROM ordered JOIN labeling_rankingtask AS task ON task.id = ordered.task_id AND task.copy_of_id IS NULL
    GROUP BY 1, 2, 3, 4, 5
)
UPDATE labeling_dailywork AS work SET comparisons = of_day.pairs FROM of_day
WHERE work.kind = 'ranking' AND work.day = of_day.day AND work.campaign_id = of_day.campaign_id
    AND work.labeler_id = of_day.labeler_id AND work.language = of_day.language
    AND work.simulated = of_day.simulated
"""


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
    if written:
        with connection.cursor() as cursor:
            cursor.execute(COMPARISONS, {"since": since, "until": until, "zone": settings.TIME_ZONE})
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
