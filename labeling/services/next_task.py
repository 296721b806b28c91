"""The next ranking task of a labeler: found, locked, taken and leased in one statement.

In SQL, because everybody waits for it between one ranking and the next, and the ORM needs longer to put it together
than PostgreSQL to answer it. queries/available.py counts by the same conditions; tests/labeling/test_queries.py holds
one to the other.
"""

import json
import random
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from labeling.models import Assignment, Campaign, Labeler, Prompt


def _columns(model: type[Model], *names: str) -> list[str]:
    """All of them, or those of these names, in the order in which Model.from_db takes them."""
    columns = [field.attname for field in model._meta.concrete_fields]  # noqa: SLF001  (Django documents it)
    return [column for column in columns if column in names] if names else columns


ASSIGNMENT = _columns(Assignment)
PROMPT = _columns(Prompt, "id", "campaign_id", "messages", "language", "content_warnings")
CAMPAIGN = _columns(Campaign, "id", "slug", "name", "state", "ask_strength", "lease_minutes")


def _of(table: str, columns: Sequence[str]) -> list[str]:
    return [f"{table}.{column}" for column in columns]


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
), taken AS (
    UPDATE labeling_rankingtask AS task SET rankings_open = task.rankings_open + 1
    FROM next
    WHERE task.id = next.id
        AND task.state = 'ready' AND task.rankings_needed > task.rankings_open + task.rankings_done
    RETURNING task.id, task.prompt_id, task.campaign_id
), claimed AS (
    INSERT INTO labeling_assignment (
        token, labeler_id, campaign_id, kind, prompt_id, task_id, state, instruction_version_id, rubric_version_id,
        shown_order, claimed_at, expires_at, draft, draft_version, skip_reason, skip_note
    )
    SELECT
        gen_random_uuid(), %(labeler)s, campaign.id, 'ranking', taken.prompt_id, taken.id, 'open',
        (SELECT id FROM labeling_instructionversion WHERE campaign_id = campaign.id ORDER BY version DESC LIMIT 1),
        (SELECT id FROM labeling_rubricversion WHERE campaign_id = campaign.id ORDER BY version DESC LIMIT 1),
        (SELECT array_agg(id ORDER BY md5(id || %(shuffle)s)) FROM labeling_completion WHERE task_id = taken.id),
        %(now)s, %(now)s + make_interval(mins => campaign.lease_minutes), '{{}}', 0, '', ''
    FROM taken JOIN labeling_campaign AS campaign ON campaign.id = taken.campaign_id
    RETURNING {", ".join(ASSIGNMENT)}
)
SELECT {", ".join([*_of("claimed", ASSIGNMENT), *_of("prompt", PROMPT), *_of("campaign", CAMPAIGN)])}
FROM claimed
JOIN labeling_prompt AS prompt ON prompt.id = claimed.prompt_id
JOIN labeling_campaign AS campaign ON campaign.id = claimed.campaign_id
"""  # noqa: S608  (put together from constants)


def claim_next_task(labeler: Labeler) -> Assignment | None:
    """A lease on the oldest task that the labeler could rank; None when there is none, or when they hold one.

    Of its prompt and campaign it brings what the page shows; Django looks the rest up when it is asked for. Call it
    inside a transaction that holds the labeler's lock: two tabs would otherwise take two.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE, known_of(labeler))
        row = cursor.fetchone()
    if row is None:
        return None
    end_of_assignment, end_of_prompt = len(ASSIGNMENT), len(ASSIGNMENT) + len(PROMPT)
    assignment = Assignment.from_db(connection.alias, ASSIGNMENT, row[:end_of_assignment])
    assignment.draft = {}
    assignment.prompt = Prompt.from_db(connection.alias, PROMPT, row[end_of_assignment:end_of_prompt])
    assignment.prompt.messages = json.loads(assignment.prompt.messages)  # a cursor gives JSON as it is stored
    assignment.campaign = assignment.prompt.campaign = Campaign.from_db(connection.alias, CAMPAIGN, row[end_of_prompt:])
    assignment.labeler = labeler
    return assignment


def known_of(labeler: Labeler) -> dict[str, Any]:
    return {
        "labeler": labeler.pk,
        "languages": labeler.languages,
        "opt_outs": labeler.opt_outs,
        "now": timezone.now(),
        "shuffle": str(random.getrandbits(64)),
    }
