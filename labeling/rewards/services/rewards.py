"""Rewards of ranking tasks' completions, one per model version, and how far the model agrees with their labels.

For best-of-n and for the queue of doubtful labels. Labelers never see any of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from django.db import connection, transaction
from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet, Value

from labeling.base.attempts import Attempts
from labeling.base.states import Half, TaskState
from labeling.desk.ranking.models import RankedCompletion, Ranking
from labeling.exports.services.selected import rankings_of
from labeling.exports.services.selection import Selection
from labeling.model_versions.models import ModelVersion
from labeling.ranking_tasks.models.completions import Completion
from labeling.ranking_tasks.models.tasks import NOT_A_COPY, RankingTask
from labeling.rewards.models import PreferenceMargin, RewardScore
from lm.snapshot.openings import HALVES
from lm.snapshot.records.constants import TRAIN
from rm_trainer.protocol import Item, Rewarder

TASKS_AT_ONCE = 8
SCORE_AHEAD = "labeling.tasks.score_completions"
SCORING_LOCK = 0x5263  # "Rc"
MARGINS_AT_ONCE = 5000

TRY_LOCK = "SELECT pg_try_advisory_xact_lock(%s, %s)"


def unscored_tasks(model: ModelVersion) -> QuerySet[RankingTask]:
    """Ready and finished tasks with a completion that the model has not scored; the newest first.

    The default reward model scores all, every other the tasks of the campaigns that feed it.
    """
    unscored = _unscored(model).filter(task=OuterRef("pk"))
    tasks = RankingTask.objects.filter(NOT_A_COPY, Exists(unscored), state__in=[TaskState.READY, TaskState.DONE])
    if model.reward_model is not None and not model.reward_model.is_default:
        tasks = tasks.filter(campaign__in=model.reward_model.campaigns.all())
    return tasks.order_by("-pk")


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
        done += _try(tasks, model, load, limit - done)
        not_seen = Q(pk__lt=tasks[-1].pk)  # all that is newer need not be looked through again
    measure_margins(model=model)
    return done


def _try(tasks: Sequence[RankingTask], model: ModelVersion, load: Callable[[], Rewarder], limit: int) -> int:
    by_id = {task.pk: task for task in tasks}
    scored: list[int] = []

    def work(ids: list[int]) -> None:
        scored.append(_score([by_id[pk] for pk in ids], model, load, limit))

    _attempts(model).work_at(list(by_id), work)
    return sum(scored)


def _attempts(model: ModelVersion) -> Attempts:
    """What kills a scoring worker has no reward from that model, and the reason beside it."""

    def give_up(task_id: int, reason: str) -> None:
        RewardScore.objects.bulk_create(
            [
                RewardScore(completion=each, model_version=model, problem=reason)
                for each in _unscored(model).filter(task=task_id)
            ],
            ignore_conflicts=True,
        )

    return Attempts(task=f"{SCORE_AHEAD} by {model.pk}", give_up=give_up)


@transaction.atomic
def _score(tasks: Sequence[RankingTask], model: ModelVersion, load: Callable[[], Rewarder], limit: int) -> int:
    """Scores those that no other worker is scoring. An advisory lock is held on each; its row is not locked."""
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


# What the model says of each comparison of the given rankings, put together by ranking.
MEASURE = """
WITH candidate AS (
    SELECT * FROM unnest(%(rankings)s::bigint[], %(trained_on)s::boolean[]) AS given (id, trained_on)
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
INSERT INTO labeling_preferencemargin (ranking_id, model_version_id, pairs, mean, lowest, trained_on, measured_at)
SELECT
    candidate.id, %(model)s, margin.pairs, greatest(margin.mean, margin.lowest), margin.lowest,
    candidate.trained_on, now()
FROM candidate
JOIN margin ON margin.ranking_id = candidate.id
ON CONFLICT DO NOTHING
"""


def measure_margins(*, model: ModelVersion) -> int:
    """Writes the margins of rankings that can be measured and were not; returns how many."""
    measurable = _measurable(model).annotate(trained_on=_trained_on(model)).values_list("pk", "trained_on")
    rankings = dict(measurable[:MARGINS_AT_ONCE])
    values: dict[str, Any] = {"model": model.pk, "rankings": list(rankings), "trained_on": list(rankings.values())}
    with connection.cursor() as cursor:
        cursor.execute(MEASURE, values)
        return int(cursor.rowcount)


def _measurable(model: ModelVersion) -> QuerySet[Ranking]:
    """Rankings that count, with a comparison, whose completions the model has scored; the newest first."""
    scored = RewardScore.objects.filter(completion=OuterRef("pk"), model_version=model, reward__isnull=False)
    unscored = Completion.objects.filter(~Exists(scored), task=OuterRef("task"))
    return (
        Ranking.objects.of_work()
        .last_revisions()
        .filter(
            ~Exists(PreferenceMargin.objects.filter(ranking=OuterRef("pk"), model_version=model)),
            ~Exists(unscored),
            Exists(RankedCompletion.objects.filter(ranking=OuterRef("pk"), rank__gt=1)),
        )
        .order_by("-pk")
    )


def _trained_on(model: ModelVersion) -> Exists | Value:
    """Whether the model was trained on a ranking, or on an earlier revision of it. NULL: its snapshot is not known."""
    snapshot = model.snapshot
    if snapshot is None:
        return Value(None, output_field=BooleanField(null=True))
    selection = replace(Selection.of_snapshot(as_of=snapshot.as_of, filters=snapshot.filters), split=TRAIN)
    learned = rankings_of(selection).filter(assignment=OuterRef("assignment"))
    if model.half != Half.ALL:
        learned = learned.filter(task__prompt__opening__key__regex=HALVES[model.half])
    return Exists(learned)
