"""The next ranking task of a labeler: found, locked and taken in one statement.

In SQL, because everybody waits for it between one ranking and the next, and the ORM needs longer to put it together
than PostgreSQL to answer it. queries/available.py counts by the same conditions; tests/labeling/test_queries.py holds
one to the other.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import connection

from labeling.models import Labeler

# A ready task with a free place that this labeler has never met and does not mind; none for who holds one already.
# The prompt is looked up row by row, so that no plan reads the prompts of all tasks.
COULD_BE_TAKEN = """
    task.state = 'ready' AND task.rankings_needed > task.rankings_open + task.rankings_done
    AND task.campaign_id IN (SELECT id FROM labeling_campaign WHERE state = 'active')
    AND task.language = ANY(%(languages)s)
    AND (cardinality(%(opt_outs)s::text[]) = 0 OR NOT (
        SELECT content_warnings::text[] && %(opt_outs)s::text[] FROM labeling_prompt WHERE id = task.prompt_id
    ))
    AND NOT EXISTS (
        SELECT FROM labeling_assignment AS met
        WHERE met.task_id = task.id AND met.labeler_id = %(labeler)s AND met.kind = 'ranking'
    )
    AND NOT EXISTS (
        SELECT FROM labeling_assignment AS held
        WHERE held.labeler_id = %(labeler)s AND held.kind = 'ranking' AND held.state = 'open'
    )
"""
# What the labeler's own chat left to be ranked comes first, then the oldest. Rows that others are taking are passed
# over; the second look at the counters is the verdict, since a row may move on between the snapshot and the lock.
TAKE = f"""
WITH own AS (
    SELECT task.id FROM labeling_rankingtask AS task
    WHERE task.reserved_for_id = %(labeler)s AND {COULD_BE_TAKEN}
    ORDER BY task.id LIMIT 1 FOR NO KEY UPDATE OF task SKIP LOCKED
), oldest AS (
    SELECT task.id FROM labeling_rankingtask AS task
    WHERE task.reserved_for_id IS NULL AND NOT EXISTS (SELECT FROM own) AND {COULD_BE_TAKEN}
    ORDER BY task.id LIMIT 1 FOR NO KEY UPDATE OF task SKIP LOCKED
), next AS (
    SELECT id FROM own UNION ALL SELECT id FROM oldest
)
UPDATE labeling_rankingtask AS task SET rankings_open = task.rankings_open + 1
FROM next, labeling_campaign AS campaign
WHERE task.id = next.id AND campaign.id = task.campaign_id
    AND task.state = 'ready' AND task.rankings_needed > task.rankings_open + task.rankings_done
RETURNING task.id, task.prompt_id, campaign.id, make_interval(mins => campaign.lease_minutes),
    (SELECT id FROM labeling_instructionversion WHERE campaign_id = campaign.id ORDER BY version DESC LIMIT 1),
    (SELECT id FROM labeling_rubricversion WHERE campaign_id = campaign.id ORDER BY version DESC LIMIT 1),
    (SELECT array_agg(id) FROM labeling_completion WHERE task_id = task.id)
"""  # noqa: S608  (put together from constants)


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
        cursor.execute(TAKE, known_of(labeler))
        row = cursor.fetchone()
    return TakenTask(*row) if row else None


def known_of(labeler: Labeler) -> dict[str, Any]:
    return {"labeler": labeler.pk, "languages": labeler.languages, "opt_outs": labeler.opt_outs}
