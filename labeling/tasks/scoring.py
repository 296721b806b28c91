"""Rewards: what programs wait for, and what is scored ahead."""

from functools import partial

from celery import shared_task
from django.conf import settings

from labeling.model_versions.queries import current_reward_models, why_unusable
from labeling.model_versions.services import trying
from labeling.models import ModelVersion
from labeling.rewards.queries import somebody_waits
from labeling.rewards.services import rewards
from labeling.rewards.services.scoring_requests import (
    SCORING_ATTEMPTS,
    SCORING_REQUESTS,
    answer_scoring_request,
    answering_model,
    fail_scoring_request,
    forget_answered,
)
from labeling.worker_models import loaded_rewarder, usable
from lm.errors import Refused


@shared_task
def score_request(request_id: int) -> None:
    """Rewards that a program waits for, by the version that it named, or the one that is current now."""
    model = answering_model(request_id)
    if model is None:
        SCORING_REQUESTS.put_back([request_id])
        return

    def work(_ids: list[int]) -> None:
        if rewarder := usable(model, loaded_rewarder):
            answer_scoring_request(request_id=request_id, model=model, rewarder=rewarder)
        else:
            fail_scoring_request(request_id=request_id, failure=why_unusable(model))

    SCORING_ATTEMPTS.work_at([request_id], work)


@shared_task
def score_completions() -> None:
    """Beat, on a scoring worker: rewards of ranking tasks' completions, ahead of those who will ask for them."""
    models = [model for model in current_reward_models() if not why_unusable(model)]
    for model in models:
        _score_ahead(model, limit=settings.SCORE_COMPLETIONS_PER_MINUTE // len(models))


def _score_ahead(model: ModelVersion, *, limit: int) -> None:
    try:
        rewards.score_ahead(
            model=model,
            load=partial(loaded_rewarder, model),
            limit=limit,
            somebody_waits=somebody_waits,
        )
    except Refused as unusable:
        trying.note_unusable(version=model, failure=unusable)


@shared_task
def answer_waiting_programs() -> None:
    """Beat: sends again what no scoring worker answered, ends visibly what waited for too long, forgets old answers."""
    SCORING_REQUESTS.give_up_late()
    forget_answered()
    SCORING_REQUESTS.send()
