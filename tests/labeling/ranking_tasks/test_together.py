"""A worker samples for as many prompts together as keep busy what samples."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.utils import timezone

from labeling import worker_models
from labeling.base.states import TaskState
from labeling.models import Labeler, ModelVersion, RankingTask, SamplingRun
from labeling.ranking_tasks.services.sampling import OTHER_TASKS
from labeling.tasks import sampling
from sampler.protocol import SampledCompletion, SampleRequest
from tests.labeling.cast import make_campaign, make_prompt
from tests.labeling.models_in_use import promoted
from tests.labeling.scripted_sampler import ScriptedSampler
from tests.tiny_models import make_tiny_model

pytestmark = pytest.mark.django_db


class CountedSampler(ScriptedSampler):
    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def sample(self, requests: Sequence[SampleRequest], **_: Any) -> list[list[SampledCompletion]]:
        self.batches.append(len(requests))
        return super().sample(requests)


@pytest.fixture
def sampler(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> CountedSampler:
    """What every version is sampled from, on a machine with a GPU."""
    promoted(make_tiny_model(tmp_path / "tiny"))
    made = CountedSampler()
    monkeypatch.setattr(sampling, "loaded_sampler", lambda _model: made)
    monkeypatch.setattr(worker_models, "_prompts_of_this_machine", lambda: 16)
    return made


@pytest.fixture
def ids() -> list[int]:
    """Of twenty tasks that wait, and that no message has."""
    campaign = make_campaign(k_min=4, k_max=4)
    made = [
        RankingTask.objects.create(prompt=make_prompt(campaign), campaign=campaign, language="en", k_requested=4)
        for _ in range(20)
    ]
    return [task.pk for task in made]


def ready() -> set[int]:
    return set(RankingTask.objects.filter(state=TaskState.READY).values_list("pk", flat=True))


def test_a_gpu_gets_what_waits_beside_the_task_of_the_message(sampler: CountedSampler, ids: list[int]) -> None:
    RankingTask.objects.filter(pk=ids[7]).update(dispatched_at=timezone.now())  # it has the message
    sampling.sample_completions([ids[7]])
    assert sampler.batches == [16]
    assert len(ready()) == 16
    assert ids[7] in ready()
    sampling.sample_completions([ids[7]])  # came twice: it is done, and the rest are sampled
    assert sampler.batches == [16, 4]
    assert ready() == set(ids)


def test_what_was_sent_to_another_worker_is_not_taken(sampler: CountedSampler, ids: list[int]) -> None:
    sent = OTHER_TASKS.take(at_most=17)
    (mine, *_others) = set(ids) - set(sent)
    sampling.sample_completions([mine])
    assert sampler.batches == [3]
    assert ready() == set(ids) - set(sent)


def test_a_processor_takes_one(
    sampler: CountedSampler, ids: list[int], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(worker_models, "_prompts_of_this_machine", lambda: 1)
    sampling.sample_completions(ids[:1])
    settings.SAMPLING_PROMPTS_PER_BATCH = 3
    sampling.sample_completions(ids[:1])
    assert sampler.batches == [1, 2]  # of three the first is done


def test_nobody_waits_for_the_prompts_of_others(sampler: CountedSampler, ids: list[int], alice: Labeler) -> None:
    """A task that one labeler waits for is sampled alone."""
    RankingTask.objects.filter(pk=ids[0]).update(reserved_for=alice)
    sampling.sample_completions(ids[:1])
    assert sampler.batches == [1]
    assert ready() == {ids[0]}


def test_what_a_killed_worker_took_along_waits_again(sampler: CountedSampler, ids: list[int]) -> None:
    """No message names it, which would come again."""
    taken = OTHER_TASKS.take(at_most=16)
    model = ModelVersion.objects.get()
    for task_id in taken:
        SamplingRun.objects.create(
            task_id=task_id, model_version=model, requested=4, temperature=1.0, top_p=1.0, max_new_tokens=8, seed=1,
            worker_lock=12345,
        )  # fmt: skip
    sampling.sample_completions(ids[16:17])
    assert not SamplingRun.objects.filter(state="running").exists()
    assert sampler.batches == [16]
