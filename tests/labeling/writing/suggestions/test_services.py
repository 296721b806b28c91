"""Suggestions: asked for, sampled one by one, late, lost, unwanted; and workers that die over them."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from labeling.base.refusals import AlreadyDiscarded, PromptRefused
from labeling.base.states import CompositionKind, SuggestionFailure, SuggestionOutcome, SuggestionState
from labeling.models import Composition, Labeler, ModelVersion, Suggestion, SuggestionRequest
from labeling.writing.services import COMPOSITIONS, start_composition
from labeling.writing.suggestions.services import (
    SUGGESTION_REQUESTS,
    answer_request,
    cancel_request,
    dismiss_suggestion,
    note_shown,
    request_suggestions,
)
from lm.prompt_format import Message
from sampler.protocol import SampledCompletion, SampleRequest
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import browser_of, make_campaign, make_labeler
from tests.labeling.scripted_sampler import ScriptedSampler, TellsLittle

pytestmark = pytest.mark.django_db

QUESTION: list[Message] = [{"role": "user", "content": "How do bees find home?"}]


@pytest.fixture
def model() -> ModelVersion:
    return ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")


@pytest.fixture
def dialogue() -> Composition:
    campaign = make_campaign(ask_dialogues=True, temperature=0.5, top_p=0.9, max_new_tokens=20)
    return start_composition(labeler=make_labeler(), campaign=campaign, kind=CompositionKind.DIALOGUE)


def ask(dialogue: Composition, messages: Sequence[Message] = QUESTION) -> SuggestionRequest:
    return request_suggestions(
        labeler=dialogue.labeler, token=str(dialogue.token), position=len(messages) + 1, messages=messages
    )


def answer(request: SuggestionRequest, model: ModelVersion, sampler: Any) -> list[str]:
    answer_request(request_id=request.pk, model=model, sampler=sampler)
    request.refresh_from_db()
    return list(request.suggestions.order_by("number").values_list("text", flat=True))


def test_suggestions_come_with_what_was_drawn_or_null(dialogue: Composition, model: ModelVersion) -> None:
    request = ask(dialogue)
    answer(request, model, ScriptedSampler("a", "b", "c"))
    told = request.suggestions.values_list("token_ids", "logprobs", "first_token_seconds", "seconds")
    assert list(told) == [([7, 8, 9], [-0.5, -1.0, -1.5], 0.25, 76.543)] * 3
    shown = admin_browser().get(reverse("admin:labeling_suggestionrequest_change", args=[request.pk])).text
    assert shown.count("first token after 0.25 s") == 3
    page = browser_of(dialogue.labeler).get(f"/compose/{dialogue.token}/suggestions/{request.token}/")
    assert "data-suggestion" in page.json()["html"]
    assert not re.search(r"76[.,]5|first.token|logprob", page.text)
    request = ask(dialogue)
    answer(request, model, TellsLittle("d", "e", "f"))
    told = request.suggestions.values_list("token_ids", "logprobs", "first_token_seconds", "seconds")
    assert list(told) == [(None, None, None, 76.543)] * 3


def test_suggestions_come_with_their_provenance(dialogue: Composition, model: ModelVersion) -> None:
    sampler = ScriptedSampler("By the sun.", "By smell.", "They don't.")
    request = ask(dialogue)
    assert answer(request, model, sampler) == ["By the sun.", "By smell.", "They don't."]
    assert request.state == SuggestionState.READY
    assert [each.seed for each in request.suggestions.all()] == [request.seed, request.seed + 1, request.seed + 2]
    assert {each.model_version for each in request.suggestions.all()} == {model}
    assert sampler.requests[0] == SampleRequest(
        messages=QUESTION, num_completions=1, seed=request.seed, temperature=0.5, top_p=0.9, max_new_tokens=20
    )


def test_each_is_there_as_soon_as_it_is_ready(dialogue: Composition, model: ModelVersion) -> None:
    request, seen = ask(dialogue), []

    class Watching(ScriptedSampler):
        def sample(self, requests: Sequence[SampleRequest], **_: Any) -> list[list[SampledCompletion]]:
            seen.append(Suggestion.objects.count())
            return super().sample(requests)

    answer(request, model, Watching())
    assert seen == [0, 1, 2]


def test_what_is_empty_or_said_twice_is_drawn_again_a_few_times(dialogue: Composition, model: ModelVersion) -> None:
    assert answer(ask(dialogue), model, ScriptedSampler("a", " \n", "a", "b", "c")) == ["a", "b", "c"]
    request = ask(dialogue)
    assert answer(request, model, ScriptedSampler("a", "a", "a", "a", "a", "b")) == ["a"]
    assert request.state == SuggestionState.READY


def test_a_model_that_says_nothing_fails_visibly(dialogue: Composition, model: ModelVersion) -> None:
    request = ask(dialogue)
    assert answer(request, model, ScriptedSampler("", "", "", "", "")) == []
    assert (request.state, request.failure) == (SuggestionState.FAILED, SuggestionFailure.ERROR)


def test_without_a_model_it_fails_at_once_and_the_labeler_goes_on(dialogue: Composition) -> None:
    request = ask(dialogue)
    assert (request.state, request.failure) == (SuggestionState.FAILED, SuggestionFailure.NO_MODEL)
    assert SUGGESTION_REQUESTS.take() == []


def test_a_dialogue_that_the_model_can_not_read_fails_with_the_reason(
    dialogue: Composition, model: ModelVersion
) -> None:
    request = ask(dialogue)
    assert answer(request, model, ScriptedSampler(refuse=lambda _: True)) == []
    assert (request.state, request.failure) == (SuggestionState.FAILED, SuggestionFailure.TOO_LONG)
    assert "3000 tokens" in request.failure_note


def test_a_fault_of_the_model_is_kept_for_admins_and_raised(dialogue: Composition, model: ModelVersion) -> None:
    request = ask(dialogue)

    class Faulty(ScriptedSampler):
        def sample(self, requests: Sequence[SampleRequest], **_: Any) -> list[list[SampledCompletion]]:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError):
        answer(request, model, Faulty())
    request.refresh_from_db()
    assert request.failure == SuggestionFailure.ERROR
    assert "illegal memory access" in request.failure_note


def test_asking_anew_gives_the_earlier_request_up(dialogue: Composition, model: ModelVersion) -> None:
    first, second = ask(dialogue), ask(dialogue)
    assert answer(first, model, ScriptedSampler()) == []
    assert first.state == SuggestionState.CANCELLED
    assert len(answer(second, model, ScriptedSampler())) == 3


@pytest.mark.parametrize(
    "messages",
    [[], [{"role": "user", "content": " "}], [*QUESTION, {"role": "assistant", "content": "By the sun."}]],
)
def test_there_must_be_something_to_answer(dialogue: Composition, messages: list[Message]) -> None:
    with pytest.raises(PromptRefused):
        ask(dialogue, messages)


def test_nobody_asks_for_writing_that_was_thrown_away(dialogue: Composition) -> None:
    COMPOSITIONS.discard(labeler=dialogue.labeler, token=str(dialogue.token))
    with pytest.raises(AlreadyDiscarded):
        ask(dialogue)


def test_what_arrives_after_the_writing_was_closed_is_dropped(dialogue: Composition, model: ModelVersion) -> None:
    request = ask(dialogue)

    class Slow(ScriptedSampler):
        def sample(self, requests: Sequence[SampleRequest], **_: Any) -> list[list[SampledCompletion]]:
            COMPOSITIONS.discard(labeler=dialogue.labeler, token=str(dialogue.token))
            return super().sample(requests)

    assert answer(request, model, Slow()) == []
    assert request.state == SuggestionState.CANCELLED


def test_going_on_without_keeps_what_arrived(dialogue: Composition, model: ModelVersion) -> None:
    request = ask(dialogue)

    class Interrupted(ScriptedSampler):
        def sample(self, requests: Sequence[SampleRequest], **_: Any) -> list[list[SampledCompletion]]:
            if Suggestion.objects.exists():
                cancel_request(labeler=dialogue.labeler, token=str(dialogue.token), request_token=str(request.token))
            return super().sample(requests)

    assert answer(request, model, Interrupted("first", "second")) == ["first"]
    assert request.state == SuggestionState.CANCELLED


def test_a_worker_that_was_killed_midway_is_followed_by_another(dialogue: Composition, model: ModelVersion) -> None:
    request = ask(dialogue)
    assert SUGGESTION_REQUESTS.take() == [request.pk]
    assert SUGGESTION_REQUESTS.take() == []

    class Killed(ScriptedSampler):
        def sample(self, requests: Sequence[SampleRequest], **_: Any) -> list[list[SampledCompletion]]:
            if Suggestion.objects.exists():
                raise KeyboardInterrupt  # the process ends here: no handler of ours sees it
            return super().sample(requests)

    with pytest.raises(KeyboardInterrupt):
        answer(request, model, Killed("first"))
    later = timezone.now() + timedelta(seconds=46)
    assert SUGGESTION_REQUESTS.take(now=later) == [request.pk]
    assert answer(request, model, ScriptedSampler("second", "third")) == ["first", "second", "third"]
    assert [each.seed - request.seed for each in request.suggestions.all()] == [0, 1, 2]


def test_two_workers_with_one_request_make_no_suggestion_too_many(dialogue: Composition, model: ModelVersion) -> None:
    request = ask(dialogue)

    class Overtaken(ScriptedSampler):
        def sample(self, requests: Sequence[SampleRequest], **_: Any) -> list[list[SampledCompletion]]:
            if not Suggestion.objects.exists():
                answer_request(request_id=request.pk, model=model, sampler=ScriptedSampler("a", "b", "c"))
            return super().sample(requests)

    assert answer(request, model, Overtaken("late")) == ["a", "b", "c"]


def test_what_redis_did_not_take_waits_for_the_next_round(dialogue: Composition, model: ModelVersion) -> None:
    request = ask(dialogue)
    SUGGESTION_REQUESTS.put_back(SUGGESTION_REQUESTS.take())
    assert SUGGESTION_REQUESTS.take() == [request.pk]


def test_what_nobody_answers_fails_after_the_stated_time(dialogue: Composition, model: ModelVersion) -> None:
    request = ask(dialogue)
    assert SUGGESTION_REQUESTS.give_up_late() == 0
    assert SUGGESTION_REQUESTS.give_up_late(now=timezone.now() + timedelta(seconds=121)) == 1
    request.refresh_from_db()
    assert (request.state, request.failure) == (SuggestionState.FAILED, SuggestionFailure.TOO_LATE)
    assert "120 seconds" in request.failure_note
    assert answer(request, model, ScriptedSampler("too late")) == []


def test_what_arrived_in_time_is_offered_when_the_rest_does_not_come(
    dialogue: Composition, model: ModelVersion
) -> None:
    request = ask(dialogue)
    Suggestion.objects.create(
        request=request, number=1, text="a", model_version=model, seed=1, token_count=1, mean_logprob=-1
    )
    SuggestionRequest.objects.update(asked_at=timezone.now() - timedelta(seconds=121))
    request.refresh_from_db()
    SUGGESTION_REQUESTS.give_up_if_late(request)
    assert request.state == SuggestionState.READY


def test_what_was_shown_and_dismissed_is_stored_once(dialogue: Composition, model: ModelVersion) -> None:
    request = ask(dialogue)
    answer(request, model, ScriptedSampler("a", "b", "c"))
    note_shown(request=request)
    shown = Suggestion.objects.get(number=2).shown_at
    assert shown is not None
    note_shown(request=request)
    for _ in range(2):
        dismiss_suggestion(
            labeler=dialogue.labeler, token=str(dialogue.token), request_token=str(request.token), number=2
        )
    dismissed = Suggestion.objects.get(number=2)
    assert (dismissed.outcome, dismissed.shown_at) == (SuggestionOutcome.DISMISSED, shown)


def test_nobody_touches_the_suggestions_of_others(dialogue: Composition, model: ModelVersion, bob: Labeler) -> None:
    request = ask(dialogue)
    answer(request, model, ScriptedSampler())
    own = start_composition(labeler=bob, campaign=dialogue.campaign, kind=CompositionKind.DIALOGUE)
    with pytest.raises(Suggestion.DoesNotExist):
        dismiss_suggestion(labeler=bob, token=str(own.token), request_token=str(request.token), number=1)
    with pytest.raises(SuggestionRequest.DoesNotExist):
        cancel_request(labeler=bob, token=str(own.token), request_token=str(request.token))
