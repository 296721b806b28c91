"""The rankings that habits are looked for in, read task by task, so that memory does not grow with the database."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from django.db import connection
from django.db.models.functions import Length

from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.quality.bias.rules.observed import Ranked, RankedTask
from labeling.ranking_tasks.models.completions import Completion

LAST_RANKINGS = 400
"""Of each labeler: enough to see a habit, and few enough to see that it went."""
TASKS_AT_ONCE = 500

# The tasks of each labeler's last rankings, with what is usual for their campaign and number of completions.
TASKS = """
WITH numbered AS (
    SELECT task.id, task.campaign_id, task.k, ranking.active_seconds,
        row_number() OVER (PARTITION BY ranking.labeler_id ORDER BY ranking.id DESC) AS number
    FROM labeling_ranking AS ranking JOIN labeling_rankingtask AS task ON task.id = ranking.task_id
    JOIN labeling_campaign AS campaign ON campaign.id = task.campaign_id
    WHERE ranking.revision = 1 AND ranking.simulated = %(simulated)s
        AND task.copy_of_id IS NULL AND campaign.stage = 'work'
), last AS (
    SELECT * FROM numbered WHERE number <= %(most)s
), usual AS (
    SELECT campaign_id, k, percentile_cont(0.5) WITHIN GROUP (ORDER BY active_seconds) AS seconds
    FROM last WHERE active_seconds > 0 GROUP BY 1, 2
)
SELECT DISTINCT last.id, usual.seconds FROM last LEFT JOIN usual USING (campaign_id, k) ORDER BY 1
"""


def ranked_tasks(*, simulated: bool) -> Iterator[RankedTask]:
    """The tasks of each labeler's LAST_RANKINGS of real work, with all rankings of them that count."""
    with connection.cursor() as cursor:
        cursor.execute(TASKS, {"simulated": simulated, "most": LAST_RANKINGS})
        tasks = cursor.fetchall()
    for start in range(0, len(tasks), TASKS_AT_ONCE):
        yield from _read(dict(tasks[start : start + TASKS_AT_ONCE]))


def _read(usual: Mapping[int, float | None]) -> Iterator[RankedTask]:
    """The tasks of these ids; the values are the usual seconds of each."""
    lengths: defaultdict[int, dict[int, int]] = defaultdict(dict)
    completions = Completion.objects.filter(task__in=list(usual)).order_by("pk")
    for task, completion, length in completions.values_list("task_id", "pk", Length("text")):
        lengths[task][completion] = length
    counting = Ranking.objects.last_revisions().filter(task__in=list(usual))
    places: defaultdict[int, dict[int, tuple[int, int]]] = defaultdict(dict)
    ranked = RankedCompletion.objects.filter(ranking__in=counting).order_by()
    for ranking, completion, rank, place in ranked.values_list("ranking_id", "completion_id", "rank", "shown_position"):
        places[ranking][completion] = rank, place
    rankings: defaultdict[int, list[Ranked]] = defaultdict(list)
    for pk, task, labeler, seconds in counting.order_by("assignment__closed_at", "assignment_id").values_list(
        "pk", "task_id", "labeler_id", "active_seconds"
    ):
        said = [places[pk][completion] for completion in lengths[task]]
        rankings[task].append(
            Ranked(
                labeler=labeler,
                ranks=[rank for rank, _place in said],
                shown=[place for _rank, place in said],
                seconds=seconds or None,
            )
        )
    for task, usual_seconds in usual.items():
        yield RankedTask(
            task=task,
            lengths=list(lengths[task].values()),
            rankings=rankings[task],
            usual_seconds=usual_seconds,
        )
