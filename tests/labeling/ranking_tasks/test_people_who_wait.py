"""A labeler who asks for suggestions while every worker has a batch in hand is answered beside it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from labeling.base.states import CompositionKind, SuggestionState, TaskState
from labeling.models import ModelVersion, RankingTask, SuggestionRequest
from labeling.tasks import sampling
from labeling.writing.services import start_composition
from labeling.writing.suggestions.services import LOOK_SECONDS, request_suggestions
from sampler.protocol import CannotSample
from tests.labeling.cast import make_campaign, make_labeler, make_prompt
from tests.labeling.scripted_sampler import ScriptedSampler

pytestmark = pytest.mark.django_db

AGO = timedelta(seconds=2 * LOOK_SECONDS)


@pytest.fixture
def model() -> ModelVersion:
    return ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")


@pytest.fixture
def request_of(model: ModelVersion) -> Callable[[str], SuggestionRequest]:
    """Makes one that has waited for longer than a worker that is free would let it."""

    def make(name: str) -> SuggestionRequest:
        labeler = make_labeler(name)
        campaign = make_campaign(slug=name, ask_dialogues=True, suggestions_per_turn=2)
        dialogue = start_composition(labeler=labeler, campaign=campaign, kind=CompositionKind.DIALOGUE)
        question = [{"role": "user", "content": f"What is {name}?"}]
        made = request_suggestions(labeler=labeler, token=str(dialogue.token), position=2, messages=question)
        SuggestionRequest.objects.filter(pk=made.pk).update(asked_at=timezone.now() - AGO)
        return made

    return make


@pytest.fixture
def task(model: ModelVersion) -> RankingTask:
    campaign = make_campaign(k_min=4, k_max=4)
    return RankingTask.objects.create(prompt=make_prompt(campaign), campaign=campaign, language="en", k_requested=4)


def sample(
    task: RankingTask, monkeypatch: pytest.MonkeyPatch, sampler: ScriptedSampler, *, hold: float = 0
) -> list[str]:
    """Samples for the task as a worker does, which looks every `hold` seconds. Returns what was asked of the model."""
    monkeypatch.setattr(sampling, "loaded_sampler", lambda _model: sampler)
    monkeypatch.setattr(sampling, "LOOK_SECONDS", hold)
    sampling.sample_completions([task.pk])
    task.refresh_from_db()
    return [request.messages[-1]["content"] for request in sampler.requests]


def test_it_is_answered_before_the_batch_ends_and_not_by_its_message_again(
    task: RankingTask, request_of: Callable[[str], SuggestionRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = request_of("rain")
    sampler = ScriptedSampler("Water.", "It falls.")
    asked = sample(task, monkeypatch, sampler)
    waiting.refresh_from_db()
    assert waiting.state == SuggestionState.READY
    assert [one.text for one in waiting.suggestions.order_by("number")] == ["Water.", "It falls."]
    assert asked[1:3] == ["What is rain?"] * 2
    assert (task.state, task.completions.count()) == (TaskState.READY, 4)
    sampling.sample_suggestions(waiting.pk)
    assert len(sampler.requests) == len(asked)


def test_the_one_that_waits_longest_is_answered_first_and_the_others_next_time(
    task: RankingTask, request_of: Callable[[str], SuggestionRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    later, longest = request_of("snow"), request_of("rain")
    SuggestionRequest.objects.filter(pk=longest.pk).update(asked_at=timezone.now() - 2 * AGO)
    assert sample(task, monkeypatch, ScriptedSampler())[1:] == ["What is rain?"] * 2
    later.refresh_from_db()
    assert later.state == SuggestionState.WAITING


@pytest.mark.parametrize("why", ["asked just now", "another worker has it", "of another model", "looked just now"])
def test_others_are_left_to_those_who_have_them(
    task: RankingTask, request_of: Callable[[str], SuggestionRequest], monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    waiting = request_of("rain")
    row = SuggestionRequest.objects.filter(pk=waiting.pk)
    if why == "asked just now":
        row.update(asked_at=timezone.now())
    elif why == "another worker has it":
        row.update(worker="sampling@elsewhere")
    elif why == "of another model":  # which became current after the batch had begun
        newer = ModelVersion(kind="sft", name="newer", path="/newer", state="current")
        monkeypatch.setattr(sampling, "PeopleWhoWait", _after(lambda: _current(newer), sampling.PeopleWhoWait))
    asked = sample(task, monkeypatch, ScriptedSampler(), hold=60 if why == "looked just now" else 0)
    waiting.refresh_from_db()
    assert (len(asked), waiting.state, waiting.suggestions.count()) == (1, SuggestionState.WAITING, 0)
    assert task.state == TaskState.READY


@pytest.mark.parametrize("failure", [RuntimeError("CUDA error"), CannotSample("the server is down")])
def test_what_fails_there_fails_nothing_of_the_batch(
    task: RankingTask,
    request_of: Callable[[str], SuggestionRequest],
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
) -> None:
    waiting = request_of("rain")

    def refuse(request: object) -> bool:
        if "rain" in str(request):
            raise failure
        return False

    sample(task, monkeypatch, ScriptedSampler(refuse=refuse))
    waiting.refresh_from_db()
    assert waiting.state == SuggestionState.FAILED
    assert str(failure) in waiting.failure_note
    assert (task.state, task.completions.count()) == (TaskState.READY, 4)


def _current(version: ModelVersion) -> None:
    ModelVersion.objects.update(state="retired")
    version.save()


def _after(happens: Callable[[], None], people: type[sampling.PeopleWhoWait]) -> Callable[[], object]:
    """Those who wait, of whom a worker hears only after something else has happened."""

    class Later(people):  # type: ignore[misc, valid-type]
        def look(self, *of: object) -> None:
            happens()
            super().look(*of)

    return Later
