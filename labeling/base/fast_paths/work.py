"""What everybody waits for between one ranking and the next, read and written by SQL of our own.

Functions take ids and return rows; what they mean is said by their callers in labeling/desk/. What each saves beside
plain Django is written at its place: of 16.8 ms of processor time from a submission to the next page, ± 1 ms
(docs/architecture.md, Speed).
"""

import json
import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from labeling.base.fast_paths.rows import Columns, Rows, columns

# Saves 2.1 ms where work is found, and 1.9 ms where it is locked.
ASSIGNMENT = columns("labeling.Assignment")
PROMPT = columns("labeling.Prompt", "id", "campaign_id", "messages", "language", "content_warnings")

OWN = Rows(
    """
    SELECT {columns} FROM labeling_assignment AS assignment
    JOIN labeling_prompt AS prompt ON prompt.id = assignment.prompt_id
    JOIN labeling_campaign AS campaign ON campaign.id = assignment.campaign_id
    WHERE assignment.token = %s AND assignment.labeler_id = %s
    """,
    assignment=ASSIGNMENT,
    prompt=PROMPT,
    campaign=columns("labeling.Campaign"),
)


def find_own_assignment(*, token: str, labeler_id: int) -> list[Any] | None:
    """[assignment, prompt, campaign]; None where the labeler has none of that token."""
    return OWN.first([token, labeler_id])


LOCKED = Rows(
    """
    SELECT {columns} FROM labeling_assignment AS assignment
    JOIN labeling_labeler AS labeler ON labeler.id = assignment.labeler_id
    JOIN labeling_campaign AS campaign ON campaign.id = assignment.campaign_id
    WHERE assignment.token = %s AND assignment.labeler_id = %s
    FOR NO KEY UPDATE OF assignment
    """,
    assignment=ASSIGNMENT,
    labeler=columns("labeling.Labeler"),
    campaign=columns("labeling.Campaign"),
)


def lock_own_assignment(*, token: str, labeler_id: int) -> list[Any] | None:
    """[assignment, labeler, campaign], the first of them locked; None where the labeler has none of that token."""
    return LOCKED.first([token, labeler_id])


# Saves 2.6 ± 0.8 ms beside `objects.raw` and a query for prompt and campaign. The search itself is in migration 0003.
def _taken(call: str) -> Rows:
    return Rows(
        f"""
        SELECT {{columns}} FROM {call} AS claimed
        JOIN labeling_prompt AS prompt ON prompt.id = claimed.prompt_id
        JOIN labeling_campaign AS campaign ON campaign.id = claimed.campaign_id
        """,  # noqa: S608  (put together from constants)
        claimed=ASSIGNMENT,
        prompt=PROMPT,
        campaign=CLAIMED_CAMPAIGN,
    )


CLAIMED_CAMPAIGN: Columns = columns("labeling.Campaign", "id", "slug", "name", "state", "ask_edit", "lease_minutes")
TAKEN_TASK = _taken("concord_take_next_task(%s, %s, %s)")
TAKEN_PROMPT = _taken("concord_take_next_prompt(%s, %s)")


def take_next_task(*, labeler_id: int, now: datetime) -> list[Any] | None:
    """[assignment, prompt, campaign] of the next task, taken and leased by the function of migration 0003."""
    return TAKEN_TASK.first([labeler_id, str(random.getrandbits(64)), now])


def take_next_prompt(*, labeler_id: int, now: datetime) -> list[Any] | None:
    """The same for the next prompt that wants a demonstration."""
    return TAKEN_PROMPT.first([labeler_id, now])


# Saves 2.0 ms.
SUBMITTED = """
SELECT count(*) FROM labeling_assignment
WHERE labeler_id = %s AND closed_at >= %s AND closed_at < %s AND kind = %s AND state = 'submitted'
"""


def submitted_between(*, labeler_id: int, kind: str, begin: datetime, end: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(SUBMITTED, [labeler_id, begin, end, kind])
        count: int = cursor.fetchone()[0]
    return count


# Saves 1.7 ms. The text itself only where it was not rendered ahead.
COMPLETIONS = """
SELECT completion.id, length(completion.text), rendered.html, rendered.raw,
    CASE WHEN rendered.html IS NULL THEN completion.text END
FROM labeling_completion AS completion
LEFT JOIN labeling_renderedcompletion AS rendered ON rendered.completion_id = completion.id AND rendered.renderer = %s
WHERE completion.task_id = %s
"""


def completions_of_task(*, task_id: int | None, renderer: str) -> dict[int, tuple[Any, ...]]:
    """By id: length of the text, HTML and raw HTML of that renderer or None, and the text where these are None."""
    with connection.cursor() as cursor:
        cursor.execute(COMPLETIONS, [renderer, task_id])
        return {row[0]: row[1:] for row in cursor.fetchall()}


# One statement for a ranking with all that it says of its completions. Saves 1.8 ms.
WRITTEN = (
    "task_id",
    "labeler_id",
    "assignment_id",
    "revision",
    "instruction_version_id",
    "rubric_version_id",
    "note",
    "strengths",
    "none_acceptable",
    "active_seconds",
    "labeler_group",
    "simulated",
    "fixed_by_id",
)
CASTS = {"strengths": "::smallint[]"}
WRITE = Rows(
    f"""
    WITH ranking AS (
        INSERT INTO labeling_ranking ({", ".join(WRITTEN)})
        VALUES ({", ".join(f"%({name})s{CASTS.get(name, '')}" for name in WRITTEN)})
        RETURNING id, submitted_at
    ), ranked AS (
        INSERT INTO labeling_rankedcompletion (ranking_id, completion_id, rank, quality, flags, note, shown_position)
        SELECT ranking.id, said.* FROM ranking, json_to_recordset(%(ranked)s) AS said(
            completion_id bigint, rank smallint, quality smallint, flags text[], note text, shown_position smallint
        )
    )
    SELECT {{columns}} FROM ranking JOIN labeling_rankingtask AS task ON task.id = %(task_id)s
    """,  # noqa: S608  (put together from constants)
    ranking=columns("labeling.Ranking", "id", "submitted_at"),
    task=columns("labeling.RankingTask", "id", "campaign_id", "copy_of_id", "rankings_needed"),
)


def write_ranking(ranking: object, ranked: Sequence[Mapping[str, object]]) -> list[Any]:
    """[ranking, task] as they were written: its id and time, and what handing in looks at. `ranked`: a row of its
    completions by column."""
    written = WRITE.first({name: getattr(ranking, name) for name in WRITTEN} | {"ranked": json.dumps(ranked)})
    assert written is not None  # it inserts or raises
    return written
