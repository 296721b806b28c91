"""Completions of ranking tasks, and suggestions for labelers at work."""

import logging
import time
from functools import partial

from celery import shared_task
from django.conf import settings

from labeling.base.states import CampaignState
from labeling.console.queries.pace import paces
from labeling.console.queries.work import work_by_day
from labeling.model_versions.queries import current_sft_model, why_unusable
from labeling.model_versions.services import trying
from labeling.models import Campaign, ModelVersion
from labeling.ranking_tasks.queries import sampled_models
from labeling.ranking_tasks.services import sampling, tasks
from labeling.worker_models import current_rewarder, loaded_sampler, prompts_at_once, usable
from labeling.writing.suggestions.services import (
    LOOK_SECONDS,
    SUGGESTION_ATTEMPTS,
    SUGGESTION_REQUESTS,
    answer_request,
    fail_request,
    next_waiting,
)
from sampler.protocol import CannotSample, Sampler

log = logging.getLogger(__name__)


@shared_task
def top_up_ready_queues() -> None:
    """Beat: makes tasks ahead of the labelers and sends every unsampled one to the workers."""
    sampling.recover()
    known = paces(work_by_day(8))
    for campaign in Campaign.objects.filter(state=CampaignState.ACTIVE).order_by("-priority", "pk"):
        tasks.top_up(campaign=campaign, paces=known)
    if any(not why_unusable(model) for model in sampled_models()):
        sampling.send_unsampled()


@shared_task
def sample_completions(task_ids: list[int]) -> None:
    """Samples what the tasks still lack, from the models that their campaigns say."""
    sampling.recover()
    current = current_sft_model()
    if current is None:
        sampling.put_back_unsampled(task_ids)
        return
    sources = sampling.Sources(
        current=current,
        sampler_of=partial(usable, load=loaded_sampler),
        rewarder=current_rewarder,
        meanwhile=PeopleWhoWait().look,
    )

    def work(ids: list[int]) -> None:
        sampling.sample_tasks(task_ids=ids, sources=sources, resample_limit=settings.SAMPLING_RESAMPLE_LIMIT)

    sampling.SAMPLING_ATTEMPTS.work_at(sampling.with_more(task_ids, prompts_at_once(current)), work)


@shared_task
def sample_suggestions(request_id: int) -> None:
    """Samples what a labeler at work waits for, with the model that is current now."""
    model = current_sft_model()
    if model is None:
        SUGGESTION_REQUESTS.put_back([request_id])
        return

    def work(_ids: list[int]) -> None:
        if sampler := usable(model, loaded_sampler):
            _answer(request_id, model, sampler)
        else:
            fail_request(request_id=request_id, note=why_unusable(model))

    SUGGESTION_ATTEMPTS.work_at([request_id], work)


class PeopleWhoWait:
    """Labelers who ask for a suggestion while every worker has a batch in hand: they are answered beside it."""

    def __init__(self) -> None:
        self._looked = time.monotonic()

    def look(self, model: ModelVersion, sampler: Sampler) -> None:
        """Answers one who waits for the model, if it is time to look for such. What fails there fails nothing here."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        request_id = next_waiting()
        if request_id is not None and model == current_sft_model():
            try:
                SUGGESTION_ATTEMPTS.work_at([request_id], lambda _ids: _answer(request_id, model, sampler))
            except Exception:
                log.exception("request for suggestions %d, beside a batch", request_id)
        self._looked = time.monotonic()


def _answer(request_id: int, model: ModelVersion, sampler: Sampler) -> None:
    try:
        answer_request(request_id=request_id, model=model, sampler=sampler)
    except CannotSample as failure:
        trying.note_unusable(version=model, failure=failure)


@shared_task
def answer_waiting_labelers() -> None:
    """Beat: sends again what no worker answered, and ends visibly what was waited for too long."""
    SUGGESTION_REQUESTS.give_up_late()
    SUGGESTION_REQUESTS.send()
