"""Rewards of ranking tasks' completions, stored per model version, and how far the model agrees with their labels.

For best-of-n and for the queue of doubtful labels. Labelers never see any of it.
"""

from collections.abc import Callable, Sequence

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from labeling.base.states import TaskState
from labeling.model_versions.models import ModelVersion
from labeling.ranking_tasks.models import Completion, RankingTask
from labeling.rewards.models import RewardScore
from rm_trainer.protocol import Item, Rewarder

TASKS_AT_ONCE = 8
SCORING_LOCK = 0x5263  # "Rc"
MARGINS_AT_ONCE = 5000

TRY_LOCK = "SELECT pg_try_advisory_xact_lock(%s, %s)"


def unscored_tasks(model: ModelVersion) -> QuerySet[RankingTask]:
    """Ready and finished tasks with a completion that the model has not scored; the newest first."""
    unscored = _unscored(model).filter(task=OuterRef("pk"))
    return RankingTask.objects.filter(Exists(unscored), state__in=[TaskState.READY, TaskState.DONE]).order_by("-pk")


def _unscored(model: ModelVersion) -> QuerySet[Completion]:
    return Completion.objects.filter(
        ~Exists(RewardScore.objects.filter(completion=OuterRef("pk"), model_version=model))
    )


def score_ahead(
    *, model: ModelVersion, load: Callable[[], Rewarder], limit: int, somebody_waits: Callable[[], bool]
) -> int:
    """Scores completions until about `limit` are done, nothing is left or somebody waits; returns how many.

    The model is loaded only when there is something to score. A task's scores are stored together; a worker killed in
    the middle leaves none of it, and the next one begins with it again.
    """
    done, not_seen = 0, Q()
    while done < limit and not somebody_waits():
        tasks = list(unscored_tasks(model).filter(not_seen)[:TASKS_AT_ONCE])
        if not tasks:
            break
        done += _score(tasks, model, load, limit - done)
        not_seen = Q(pk__lt=tasks[-1].pk)  # all that is newer need not be looked through again
    measure_margins(model=model)
    return done


@transaction.atomic
def _score(tasks: Sequence[RankingTask], model: ModelVersion, load: Callable[[], Rewarder], limit: int) -> int:
    """Those that no other worker has in hand: each is locked for as long as this takes, its row is not."""
    unscored = _unscored(model).select_related("task__prompt").order_by("pk")
    completions: list[Completion] = []
    for task in tasks:
        if len(completions) < limit and _lock(task):
            completions += unscored.filter(task=task)
    if not completions:
        return 0
    items = [Item(tuple(each.task.prompt.messages), each.text) for each in completions]
    RewardScore.objects.bulk_create(
        RewardScore(completion=completion, model_version=model, reward=scored.reward, problem=scored.problem)
        for completion, scored in zip(completions, load().score(items), strict=True)
    )
    return len(completions)


def _lock(task: RankingTask) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(TRY_LOCK, [SCORING_LOCK, task.pk % 2**31])
        row: tuple[bool] = cursor.fetchone()
        return row[0]


# The last revision of each ranking whose completions all have a score. `learned_from` also where an earlier revision of
# it was in the snapshot: the model has seen a label of that person for these completions then.
MEASURE = """
WITH candidate AS (
    SELECT ranking.id, ranking.assignment_id, ranking.labeler_group, ranking.simulated, ranking.task_id
    FROM labeling_ranking AS ranking
    WHERE NOT EXISTS (
        SELECT FROM labeling_ranking AS later
        WHERE later.assignment_id = ranking.assignment_id AND later.revision > ranking.revision
    ) AND NOT EXISTS (
        SELECT FROM labeling_preferencemargin AS known
        WHERE known.ranking_id = ranking.id AND known.model_version_id = %(model)s
    ) AND NOT EXISTS (
        SELECT FROM labeling_completion AS completion
        WHERE completion.task_id = ranking.task_id AND NOT EXISTS (
            SELECT FROM labeling_rewardscore AS score
            WHERE score.completion_id = completion.id AND score.model_version_id = %(model)s
                AND score.reward IS NOT NULL
        )
    ) AND (
        SELECT count(DISTINCT rank) FROM labeling_rankedcompletion WHERE ranking_id = ranking.id
    ) > 1
    ORDER BY ranking.id DESC LIMIT %(limit)s
), margin AS (
    SELECT
        better.ranking_id, count(*) AS pairs,
        avg(up.reward - down.reward) AS mean, min(up.reward - down.reward) AS lowest
    FROM candidate
    JOIN labeling_rankedcompletion AS better ON better.ranking_id = candidate.id
    JOIN labeling_rankedcompletion AS worse ON worse.ranking_id = candidate.id AND worse.rank > better.rank
    JOIN labeling_rewardscore AS up
        ON up.completion_id = better.completion_id AND up.model_version_id = %(model)s
    JOIN labeling_rewardscore AS down
        ON down.completion_id = worse.completion_id AND down.model_version_id = %(model)s
    GROUP BY better.ranking_id
)
INSERT INTO labeling_preferencemargin (ranking_id, model_version_id, pairs, mean, lowest, learned_from, measured_at)
SELECT
    candidate.id, %(model)s, margin.pairs, greatest(margin.mean, margin.lowest), margin.lowest,
    CASE WHEN snapshot.id IS NOT NULL THEN
        submitter.split = 'train' AND candidate.labeler_group = 'training'
        AND (NOT candidate.simulated OR (snapshot.filters->>'include_simulated')::boolean)
        AND coalesce(snapshot.filters->>'campaign', campaign.slug) = campaign.slug
        AND EXISTS (
            SELECT FROM labeling_ranking AS earlier
            WHERE earlier.assignment_id = candidate.assignment_id AND earlier.submitted_at <= snapshot.as_of
        )
    END,
    now()
FROM candidate
JOIN margin ON margin.ranking_id = candidate.id
JOIN labeling_rankingtask AS task ON task.id = candidate.task_id
JOIN labeling_campaign AS campaign ON campaign.id = task.campaign_id
JOIN labeling_prompt AS prompt ON prompt.id = task.prompt_id
JOIN labeling_submitter AS submitter ON submitter.id = prompt.submitter_id
JOIN labeling_modelversion AS model ON model.id = %(model)s
LEFT JOIN labeling_snapshot AS snapshot ON snapshot.id = model.snapshot_id
ON CONFLICT DO NOTHING
"""


def measure_margins(*, model: ModelVersion) -> int:
    """Writes the margins of rankings that can be measured and were not; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(MEASURE, {"model": model.pk, "limit": MARGINS_AT_ONCE})
        return int(cursor.rowcount)
