"""What counting agreement reads and writes while somebody waits for the next ranking, by SQL of our own.

What the rows mean is said in labeling/quality/agreement/. `python -m benchmarks.agreement` measures what it costs.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection


def lock_tasks(task_ids: Collection[int]) -> None:
    """Of two who hand in on one of them at one moment, the second waits, and then sees the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM labeling_rankingtask WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [list(task_ids)]
        )


class RankingRow(NamedTuple):
    """The revision that counts of one labeler's ranking of a task. Lists are by completion, in the order of ids."""

    task: int
    labeler: int
    submitted_at: datetime
    strengths: list[int] | None
    flags_asked: list[str]
    completions: list[int]
    ranks: list[int]
    qualities: list[int | None]
    flags: list[list[str]]


RANKINGS = """
SELECT ranking.task_id, ranking.labeler_id, ranking.submitted_at, ranking.strengths,
    ARRAY(SELECT flag ->> 'key' FROM jsonb_array_elements(rubric.flags) AS flag),
    array_agg(said.completion_id ORDER BY said.completion_id),
    array_agg(said.rank ORDER BY said.completion_id),
    array_agg(said.quality ORDER BY said.completion_id),
    json_agg(said.flags ORDER BY said.completion_id)
FROM labeling_ranking AS ranking
JOIN labeling_rankedcompletion AS said ON said.ranking_id = ranking.id
JOIN labeling_rubricversion AS rubric ON rubric.id = ranking.rubric_version_id
JOIN labeling_assignment AS assignment ON assignment.id = ranking.assignment_id
WHERE ranking.task_id = ANY(%s) AND NOT EXISTS (
    SELECT FROM labeling_ranking AS later
    WHERE later.task_id = ranking.task_id AND later.labeler_id = ranking.labeler_id
        AND later.revision > ranking.revision
)
GROUP BY ranking.id, rubric.id, assignment.id
ORDER BY ranking.task_id, assignment.closed_at, assignment.id
"""


def rankings_of_tasks(task_ids: Collection[int]) -> list[RankingRow]:
    """By task, in the order in which the labelers first handed in."""
    with connection.cursor() as cursor:
        cursor.execute(RANKINGS, [list(task_ids)])
        return [RankingRow(*row) for row in cursor.fetchall()]


# The rows that a hand-in replaces: between its labeler and others, and those of all with a consensus.
REPLACED = """
DELETE FROM labeling_rankingagreement
WHERE task_id = %(task)s
    AND (labeler_id = %(labeler)s OR partner_id = %(labeler)s OR partner_kind <> 'labeler')
"""


def delete_replaced(*, task_id: int, labeler_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(REPLACED, {"task": task_id, "labeler": labeler_id})


RANKING_COLUMNS = {
    "task_id": "bigint",
    "labeler_id": "bigint",
    "partner_kind": "text",
    "partner_id": "bigint",
    "compared_at": "timestamptz",
    "same": "smallint",
    "opposed": "smallint",
    "tied_by_labeler": "smallint",
    "tied_by_partner": "smallint",
    "tied_by_both": "smallint",
    "same_by_strength": "smallint[]",
    "opposed_by_strength": "smallint[]",
    "tau": "float8",
    "flags": "text[]",
    "rated": "smallint",
    "own_rating": "smallint",
    "own_squares": "integer",
    "their_rating": "smallint",
    "their_squares": "integer",
}
COMPLETION_COLUMNS = {
    "completion_id": "bigint",
    "task_id": "bigint",
    "compared_at": "timestamptz",
    "ranks": "smallint[]",
    "qualities": "smallint[]",
    "flags": "jsonb",
}


def _insert(table: str, columns: Mapping[str, str]) -> str:
    names = ", ".join(columns)
    typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    return f"INSERT INTO {table} ({names}) SELECT {names} FROM json_to_recordset(%s) AS said({typed})"  # noqa: S608


INSERT_RANKINGS = _insert("labeling_rankingagreement", RANKING_COLUMNS)
INSERT_COMPLETIONS = f"""
{_insert("labeling_completionagreement", COMPLETION_COLUMNS)}
ON CONFLICT (completion_id) DO UPDATE SET compared_at = excluded.compared_at, ranks = excluded.ranks,
    qualities = excluded.qualities, flags = excluded.flags
"""

Written = Mapping[str, Any]


def write_ranking_agreements(rows: Sequence[Written]) -> None:
    """`rows` by column."""
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(INSERT_RANKINGS, [json.dumps(rows, default=datetime.isoformat)])


def write_completion_agreements(rows: Sequence[Written]) -> None:
    """`rows` by column; one that is there is replaced."""
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(INSERT_COMPLETIONS, [json.dumps(rows, default=datetime.isoformat)])
