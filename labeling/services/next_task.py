"""The next ranking task of a labeler: found, locked and taken in one statement.

In SQL, because everybody waits for it between one ranking and the next, and the ORM needs longer to put it together
than PostgreSQL to answer it. queries/available.py counts by the same conditions; tests/labeling/test_queries.py holds
one to the other.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from django.db import connection

from labeling.models import Labeler

# The oldest ready task with a free place that this labeler has never met, unless they hold one. Rows that others are
# taking are passed over; the second look at the counters is the verdict, since the row may have moved on between the
# snapshot and the lock.
TAKE = """
WITH next AS (
    SELECT task.id FROM labeling_rankingtask AS task
    WHERE task.state = 'ready' AND task.rankings_needed > task.rankings_open + task.rankings_done
        AND task.campaign_id IN (SELECT id FROM labeling_campaign WHERE state = 'active')
        AND task.language = ANY(%(languages)s)
        AND NOT EXISTS (
            SELECT FROM labeling_assignment AS met
            WHERE met.task_id = task.id AND met.labeler_id = %(labeler)s AND met.kind = 'ranking'
        )
        AND NOT EXISTS (
            SELECT FROM labeling_assignment AS held
            WHERE held.labeler_id = %(labeler)s AND held.kind = 'ranking' AND held.state = 'open'
        )
    ORDER BY task.id LIMIT 1
    FOR NO KEY UPDATE OF task SKIP LOCKED
)
UPDATE labeling_rankingtask AS task SET rankings_open = task.rankings_open + 1
FROM next, labeling_campaign AS campaign
WHERE task.id = next.id AND campaign.id = task.campaign_id
    AND task.state = 'ready' AND task.rankings_needed > task.rankings_open + task.rankings_done
RETURNING task.id, task.prompt_id, campaign.id, make_interval(mins => campaign.lease_minutes),
    (SELECT id FROM labeling_instructionversion WHERE campaign_id = campaign.id ORDER BY version DESC LIMIT 1),
    (SELECT id FROM labeling_rubricversion WHERE campaign_id = campaign.id ORDER BY version DESC LIMIT 1),
    (SELECT array_agg(id) FROM labeling_completion WHERE task_id = task.id)
"""


class TakenTask(NamedTuple):
    """A task, one of whose places is the caller's, with all that an assignment needs."""

    task_id: int
    prompt_id: int
    campaign_id: int
    lease: timedelta
    instruction_version_id: int
    rubric_version_id: int
    completion_ids: Sequence[int]


def take_next_task(labeler: Labeler) -> TakenTask | None:
    """Takes a place of the oldest task that the labeler could rank; None when there is none, or when they hold one.

    Inside a transaction that holds the labeler's lock: two tabs would otherwise take two.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"labeler": labeler.pk, "languages": labeler.languages})
        row = cursor.fetchone()
    return TakenTask(*row) if row else None
