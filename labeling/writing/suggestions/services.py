"""What the model suggests to a labeler at work: asked for, sampled one by one, shown, dismissed, given up.

A worker may die between any two lines, and Redis may be down: the request stays a row that waits, beat sends it again,
and what waited for too long fails visibly. Lock order: composition, then request.
"""

import random
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from labeling.base.attempts import Attempts
from labeling.base.live_text import LiveText
from labeling.base.outbox import GivingUp, Outbox
from labeling.base.states import (
    CompositionKind,
    CompositionState,
    SuggestionFailure,
    SuggestionOutcome,
    SuggestionState,
)
from labeling.base.text import LONGEST_ERROR, clean_answer
from labeling.base.worker_locks import worker_name
from labeling.campaigns.rules.messages import check_messages
from labeling.model_versions.models import ModelVersion
from labeling.model_versions.queries import current_sft_model, why_unusable
from labeling.people.models import Labeler
from labeling.ranking_tasks.rules import text_key
from labeling.ranking_tasks.services.sampling_runs import drawn
from labeling.writing.models import Composition
from labeling.writing.services import COMPOSITIONS, cancel_waiting, message_of
from labeling.writing.suggestions.models import Suggestion, SuggestionRequest
from sampler.protocol import PromptTooLong, SampledCompletion, Sampler, SampleRequest, StreamingSampler

ATTEMPTS_BESIDE = 2
"""Samples beyond those wanted, for what came out empty or the same twice."""
LOOK_SECONDS = 0.5
"""So often a worker looks whether somebody still waits."""


@transaction.atomic
def request_suggestions(
    *, labeler: Labeler, token: str, position: int, messages: Sequence[Mapping[str, object]]
) -> SuggestionRequest:
    """Asks for the assistant turn at `position`, after `messages`. An earlier request that still waits is given up.

    Without a model it fails at once, visibly. Raises PromptRefused: `messages` do not end with a user turn;
    LabelerNotActive, CampaignNotOpen, AlreadySubmitted, AlreadyDiscarded, Composition.DoesNotExist.
    """
    composition = COMPOSITIONS.lock_own(labeler=labeler, token=token)
    COMPOSITIONS.check_standing(composition)
    return ask(composition, position=position, messages=messages, wanted=composition.campaign.suggestions_per_turn)


def ask(
    composition: Composition, *, position: int, messages: Sequence[Mapping[str, object]], wanted: int
) -> SuggestionRequest:
    """Asks for suggestions for a locked composition. Raises PromptRefused."""
    clean = check_messages(messages)
    cancel_waiting(composition)
    campaign, now = composition.campaign, timezone.now()
    request = SuggestionRequest.objects.create(
        composition=composition,
        position=position,
        messages=clean,
        wanted=wanted,
        temperature=campaign.temperature,
        top_p=campaign.top_p,
        max_new_tokens=campaign.max_new_tokens,
        seed=random.getrandbits(31),
        asked_at=now,
    )
    model = current_sft_model()
    if model is None:
        _fail(request, SuggestionFailure.NO_MODEL, note="No language model is registered and current.")
    elif failure := why_unusable(model):
        _fail(request, SuggestionFailure.ERROR, note=failure)
    return request


@transaction.atomic
def cancel_request(*, labeler: Labeler, token: str, request_token: str) -> None:
    """The labeler goes on without. Raises SuggestionRequest.DoesNotExist."""
    composition = COMPOSITIONS.lock_own(labeler=labeler, token=token)
    request = composition.suggestion_requests.get(token=request_token)
    if request.state == SuggestionState.WAITING:
        _finish(request, SuggestionState.CANCELLED)


@transaction.atomic
def dismiss_suggestion(*, labeler: Labeler, token: str, request_token: str, number: int) -> None:
    """The labeler does not want to see it. Raises Suggestion.DoesNotExist."""
    composition = COMPOSITIONS.lock_own(labeler=labeler, token=token)
    suggestion = Suggestion.objects.get(request__token=request_token, request__composition=composition, number=number)
    if not suggestion.outcome:
        suggestion.outcome = SuggestionOutcome.DISMISSED
        suggestion.save(update_fields=["outcome"])


def note_shown(*, request: SuggestionRequest) -> None:
    """The page has what arrived so far; the first time counts."""
    request.suggestions.filter(shown_at=None).update(shown_at=timezone.now())


@transaction.atomic
def _give_up(request_id: int, after: timedelta) -> bool:
    """Ready with what has arrived, or failed visibly."""
    request = SuggestionRequest.objects.select_for_update(no_key=True).get(pk=request_id)
    if request.state != SuggestionState.WAITING:
        return False
    if request.suggestions.exists():
        _finish(request, SuggestionState.READY)
    else:
        _fail(
            request, SuggestionFailure.TOO_LATE, note=f"No worker answered within {after.total_seconds():.0f} seconds."
        )
    return True


SUGGESTION_REQUESTS = Outbox(
    model=SuggestionRequest,
    waiting=Q(state=SuggestionState.WAITING),
    task="labeling.tasks.sample_suggestions",
    send_again_after=timedelta(seconds=45),
    order_by="asked_at",
    giving_up=GivingUp(
        after=lambda: timedelta(seconds=settings.SUGGESTION_WAIT_SECONDS), since="asked_at", end=_give_up
    ),
)


def next_waiting() -> int | None:
    """The request that has waited longest, of those that no worker has begun though one that is free would have."""
    since = timezone.now() - timedelta(seconds=LOOK_SECONDS)
    return (
        SuggestionRequest.objects.filter(state=SuggestionState.WAITING, worker="", asked_at__lt=since)
        .order_by("asked_at")
        .values_list("pk", flat=True)
        .first()
    )


def answer_request(*, request_id: int, model: ModelVersion, sampler: Sampler) -> None:
    """Samples what the request still wants, one by one, each stored as it is ready. Safe to run again at any time."""
    request = _wanted(request_id)
    if request is None:
        return
    name = str(request.token)
    while request is not None and (seed := _next_seed(request)) is not None:
        live = LiveText(name)
        try:
            sampled = _sampled(request, seed, sampler, live)
        except Exception as failure:
            too_long = isinstance(failure, PromptTooLong)
            kind = SuggestionFailure.TOO_LONG if too_long else SuggestionFailure.ERROR
            _fail_if_waiting(request_id, kind, f"{type(failure).__name__}: {failure}")
            live.end()
            if too_long:
                return
            raise
        if sampled is not None:
            _keep(request_id, seed, sampled, model)
        live.look()
        request = _wanted(request_id)
    if request is not None:
        _settle(request_id)
    LiveText(name).end()


def _sampled(request: SuggestionRequest, seed: int, sampler: Sampler, live: LiveText) -> SampledCompletion | None:
    """One completion, which the page sees grow; None where nobody waits for it any more."""
    wanted = _sample_request(request, seed)
    if not isinstance(sampler, StreamingSampler):
        return sampler.sample([wanted])[0][0]
    growing = sampler.stream(wanted, scope=f"composition-{request.composition_id}")
    looked = time.monotonic()
    try:
        while True:
            try:
                live.add(next(growing))
            except StopIteration as ended:
                sampled: SampledCompletion = ended.value
                return sampled
            if time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                if not SuggestionRequest.objects.filter(pk=request.pk, state=SuggestionState.WAITING).exists():
                    return None
    finally:
        growing.close()


@transaction.atomic
def fail_request(*, request_id: int, note: str) -> None:
    """Ends a request that still waits: the model can't be used."""
    request = SuggestionRequest.objects.select_for_update(no_key=True).get(pk=request_id)
    if request.state == SuggestionState.WAITING:
        _fail(request, SuggestionFailure.ERROR, note=note)


def _wanted(request_id: int) -> SuggestionRequest | None:
    """The request, if somebody still waits for it; marked as being worked on now."""
    waiting = SuggestionRequest.objects.filter(pk=request_id, state=SuggestionState.WAITING)
    waiting.update(dispatched_at=timezone.now(), worker=worker_name())
    return waiting.first()


def _next_seed(request: SuggestionRequest) -> int | None:
    """Returns the next seed; None once nothing more is to be sampled. Empty or repeated texts left no row, so seeds are
    counted apart.
    """
    tried = request.attempts
    arrived = request.suggestions.count()
    if arrived >= request.wanted or tried >= request.wanted + ATTEMPTS_BESIDE:
        return None
    return request.seed + tried


def _sample_request(request: SuggestionRequest, seed: int) -> SampleRequest:
    return SampleRequest(
        messages=request.messages,
        num_completions=1,
        seed=seed,
        temperature=request.temperature,
        top_p=request.top_p,
        max_new_tokens=request.max_new_tokens,
    )


@transaction.atomic
def _keep(request_id: int, seed: int, sampled: SampledCompletion, model: ModelVersion) -> None:
    """Stores one sample if it is still waited for, is not empty and says something new; in a chat it is the answer."""
    composition = Composition.objects.select_for_update(no_key=True).get(suggestion_requests=request_id)
    request = SuggestionRequest.objects.select_for_update(no_key=True).get(pk=request_id)
    if request.state != SuggestionState.WAITING or composition.state != CompositionState.OPEN:
        return
    if seed != request.seed + request.attempts:
        return  # another worker had the same request in hand and was quicker
    request.attempts += 1
    request.save(update_fields=["attempts"])
    text = clean_answer(sampled.text.replace("\0", "\N{REPLACEMENT CHARACTER}"))
    arrived = list(request.suggestions.values_list("text", flat=True))
    if not text or text_key(text) in map(text_key, arrived):
        return
    suggestion = Suggestion.objects.create(
        request=request,
        number=len(arrived) + 1,
        text=text,
        model_version=model,
        **drawn(sampled),
    )
    if composition.kind == CompositionKind.CHAT:
        _say_it(composition, request, suggestion)
    if len(arrived) + 1 >= request.wanted:
        _finish(request, SuggestionState.READY)


def _say_it(composition: Composition, request: SuggestionRequest, suggestion: Suggestion) -> None:
    answer = message_of(
        composition.conversation,
        position=request.position,
        role="assistant",
        content=suggestion.text,
        model_version=suggestion.model_version,
    )
    answer.save()
    suggestion.outcome, suggestion.edit_distance, suggestion.message = SuggestionOutcome.USED, 0, answer
    suggestion.save(update_fields=["message", "outcome", "edit_distance"])


@transaction.atomic
def _settle(request_id: int) -> None:
    request = SuggestionRequest.objects.select_for_update(no_key=True).get(pk=request_id)
    if request.state != SuggestionState.WAITING:
        return
    if request.suggestions.exists():
        _finish(request, SuggestionState.READY)
    else:
        _fail(request, SuggestionFailure.ERROR, note="Everything that the model said was empty.")


@transaction.atomic
def _fail_if_waiting(request_id: int, failure: SuggestionFailure, note: str) -> None:
    request = SuggestionRequest.objects.select_for_update(no_key=True).get(pk=request_id)
    if request.state == SuggestionState.WAITING:
        _fail(request, failure, note=note)


def _fail(request: SuggestionRequest, failure: SuggestionFailure, *, note: str) -> None:
    request.move(
        to=SuggestionState.FAILED, failure=failure, failure_note=note[:LONGEST_ERROR], finished_at=timezone.now()
    )


def _finish(request: SuggestionRequest, state: SuggestionState) -> None:
    request.move(to=state, finished_at=timezone.now())


SUGGESTION_ATTEMPTS = Attempts(
    task=SUGGESTION_REQUESTS.task,
    give_up=lambda request_id, reason: _fail_if_waiting(request_id, SuggestionFailure.ERROR, reason),
)
