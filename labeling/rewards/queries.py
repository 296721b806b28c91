"""What reward models say of completions: the best of n, and labels that the current model contradicts.

No page of a labeler reads this: rewards must not lead those who judge.

Who waits for a worker now.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from labeling.base.states import ScoringState, SuggestionState
from labeling.campaigns.models.prompts import Prompt
from labeling.desk.ranking.models import Ranking
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.queries import current_reward_models
from labeling.ranking_tasks.models.completions import Completion
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.rewards.models import PreferenceMargin, RewardScore, ScoringRequest
from labeling.writing.suggestions.models import SuggestionRequest

DOUBTFUL_SHARE = 0.2
"""Wang et al. 2024 (Secrets of RLHF in LLMs II): training on the fifth with the lowest mean difference does harm."""


@dataclass(frozen=True, kw_only=True)
class Best:
    """The completion with the highest reward of `of`; of equal ones the first."""

    prompt_id: int
    completion_id: int
    reward: float
    of: int


def best_of_n(*, prompt: Prompt, model: ModelVersion, n: int | None = None) -> Best | None:
    """Among the prompt's first n completions that the model scored, in the order of their ids; None without one."""
    return next(iter(_best(_scores(model).filter(completion__task__prompt=prompt), n)), None)


def best_of_each(*, model: ModelVersion, n: int | None = None, campaign: str | None = None) -> Iterator[Best]:
    """The same for every prompt with at least n scored completions; constant memory."""
    scores = _scores(model)
    if campaign is not None:
        scores = scores.filter(completion__task__campaign__slug=campaign)
    return (best for best in _best(scores, n) if n is None or best.of == n)


def _scores(model: ModelVersion) -> QuerySet[RewardScore]:
    return RewardScore.objects.filter(model_version=model, reward__isnull=False)


def _best(scores: QuerySet[RewardScore], n: int | None) -> Iterator[Best]:
    rows = scores.order_by("completion__task__prompt_id", "completion_id").values_list(
        "completion__task__prompt_id", "completion_id", "reward"
    )
    for prompt_id, found in groupby(rows.iterator(chunk_size=2000), key=lambda row: row[0]):
        first = [(completion_id, reward) for _, completion_id, reward in islice(found, n) if reward is not None]
        completion_id, reward = max(first, key=lambda row: row[1])
        yield Best(prompt_id=prompt_id, completion_id=completion_id, reward=reward, of=len(first))


def scores_of_task(task: RankingTask, model: ModelVersion | None) -> dict[int, RewardScore]:
    """Returns the scores by completion."""
    scores = RewardScore.objects.filter(completion__task=task, model_version=model)
    return {score.completion_id: score for score in scores}


def doubtful(margins: QuerySet[PreferenceMargin]) -> QuerySet[PreferenceMargin]:
    """Returns the lowest fifth of each current model's margins, as far as they contradict the label, worst first.

    Only the last revision of a ranking is doubted.
    """
    counts = Ranking.objects.last_revisions().filter(pk=OuterRef("ranking"))
    lowest = Q(pk__in=[])
    for model in current_reward_models():
        lowest |= Q(model_version=model, mean__lte=_threshold(model))
    return margins.filter(lowest, Exists(counts), mean__lt=0).order_by("mean", "pk")


def _threshold(model: ModelVersion) -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_disc(%s) WITHIN GROUP (ORDER BY mean) FROM labeling_preferencemargin"
            " WHERE model_version_id = %s",
            [DOUBTFUL_SHARE, model.pk],
        )
        row: tuple[float | None] = cursor.fetchone()
    return 0.0 if row[0] is None else row[0]


def texts_of(best: Sequence[Best]) -> dict[int, Any]:
    """(prompt messages, completion text) by completion."""
    rows = Completion.objects.filter(pk__in=[each.completion_id for each in best])
    return {pk: (messages, text) for pk, messages, text in rows.values_list("pk", "task__prompt__messages", "text")}


def somebody_waits() -> bool:
    """Returns whether a labeler waits for a suggestion or a program for rewards; scoring ahead stops for them."""
    return (
        SuggestionRequest.objects.filter(state=SuggestionState.WAITING).exists()
        or ScoringRequest.objects.filter(state=ScoringState.WAITING).exists()
    )
