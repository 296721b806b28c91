"""Completions for a task: kept, resampled, set aside; workers that die; messages that are lost."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from labeling.base.states import TaskState
from labeling.models import ModelVersion, RankingTask, SamplingRun
from labeling.ranking_tasks.services.sampling import OTHER_TASKS, one_source, sample_tasks
from labeling.ranking_tasks.services.tasks import top_up
from sampler.protocol import SampledCompletion, SampleRequest
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_prompt
from tests.labeling.markup import compact
from tests.labeling.scripted_sampler import ScriptedSampler, TellsLittle

pytestmark = pytest.mark.django_db


@pytest.fixture
def model() -> ModelVersion:
    return ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")


def make_task(k: int = 4, **fields: Any) -> RankingTask:
    campaign = make_campaign(k_min=k, k_max=k, **fields)
    make_prompt(campaign)
    (task_id,) = top_up(campaign=campaign)
    return RankingTask.objects.get(pk=task_id)


def sample(task: RankingTask, model: ModelVersion, sampler: ScriptedSampler, *, limit: int = 2) -> None:
    sample_tasks(task_ids=[task.pk], sources=one_source(model, sampler), resample_limit=limit)
    task.refresh_from_db()


def test_a_task_becomes_ready_with_its_completions_and_their_provenance(model: ModelVersion) -> None:
    task = make_task(temperature=0.7, top_p=0.9, max_new_tokens=12)
    sampler = ScriptedSampler("a", "b", "c", "d")
    sample(task, model, sampler)

    assert task.state == TaskState.READY
    assert task.k == 4
    run = task.sampling_runs.get()
    assert (run.temperature, run.top_p, run.max_new_tokens, run.model_version) == (0.7, 0.9, 12, model)
    assert [(c.text, c.seed) for c in task.completions.all()] == [(text, run.seed) for text in "abcd"]
    assert [c.token_ids for c in task.completions.all()] == [[7, 8, 9]] * 4
    assert [c.logprobs for c in task.completions.all()] == [[-0.5, -1.0, -1.5]] * 4
    assert sampler.requests[0].messages == task.prompt.messages


def test_how_long_each_took_is_kept_and_shown_to_admins(model: ModelVersion) -> None:
    task = make_task()
    sample(task, model, ScriptedSampler("a", "b", "c", "d"))
    assert set(task.completions.values_list("first_token_seconds", "seconds")) == {(0.25, 76.543)}
    assert task.sampling_runs.get().first_token_seconds == 0.25
    shown = compact(admin_browser().get(reverse("admin:labeling_rankingtask_change", args=[task.pk])).text)
    assert shown.count("76.54 s · first token after 0.25 s") == 4
    assert "12 tokens in" in shown, "of the run"


def test_what_a_server_does_not_tell_is_null(model: ModelVersion) -> None:
    task = make_task()
    sample(task, model, TellsLittle("a", "b", "c", "d"))
    told = set(task.completions.values_list("first_token_seconds", "seconds", "token_ids", "logprobs"))
    assert told == {(None, 76.543, None, None)}
    assert task.sampling_runs.get().first_token_seconds is None
    shown = admin_browser().get(reverse("admin:labeling_rankingtask_change", args=[task.pk])).text
    assert "76.54 s" in shown
    assert "first token after" not in shown


def test_duplicates_and_what_only_looks_otherwise_are_resampled_with_another_seed(model: ModelVersion) -> None:
    task = make_task()
    sampler = ScriptedSampler("a b", "a  b\n", "**A b!**", "", "a c", "c", "d")
    sample(task, model, sampler)

    assert task.state == TaskState.READY
    assert [c.text for c in task.completions.all()] == ["a b", "a c", "c", "d"]
    assert [request.num_completions for request in sampler.requests] == [4, 3]
    assert sampler.requests[0].seed != sampler.requests[1].seed
    assert [run.duplicates_dropped for run in task.sampling_runs.order_by("pk")] == [3, 0]


def test_a_task_goes_on_with_fewer_but_never_under_4(model: ModelVersion) -> None:
    task = make_task(k=9)
    sample(task, model, ScriptedSampler("a", "b", "c", "d", *["a"] * 40), limit=2)
    assert task.state == TaskState.READY
    assert task.k == 4


def test_a_task_that_never_gets_4_is_set_aside_with_the_reason(model: ModelVersion) -> None:
    task = make_task()
    sampler = ScriptedSampler(*["same"] * 100)
    sample(task, model, sampler, limit=3)
    assert task.state == TaskState.SET_ASIDE
    assert "Only 1 distinct completions" in task.set_aside_reason
    assert len(sampler.requests) == 4  # the first round and three more


def test_a_prompt_too_long_is_set_aside_and_its_neighbours_are_sampled(model: ModelVersion) -> None:
    campaign = make_campaign(k_min=4, k_max=4)
    make_prompt(campaign, text="short")
    make_prompt(campaign, text="long " * 9)
    ids = top_up(campaign=campaign)
    sampler = ScriptedSampler(refuse=lambda request: request.messages[-1]["content"].startswith("long"))
    sample_tasks(task_ids=ids, sources=one_source(model, sampler), resample_limit=1)

    short, long = RankingTask.objects.order_by("pk")
    assert short.state == TaskState.READY
    assert long.state == TaskState.SET_ASIDE
    assert "3000 tokens" in long.set_aside_reason


def test_a_worker_that_dies_in_the_middle_loses_nothing_that_was_kept(model: ModelVersion) -> None:
    task = make_task()

    class Dying(ScriptedSampler):
        def sample(self, requests: Sequence[SampleRequest], **_: Any) -> list[list[SampledCompletion]]:
            if self.requests:
                raise RuntimeError("CUDA error: device lost")
            return super().sample(requests)

    with pytest.raises(RuntimeError):
        sample(task, model, Dying("a", "b", "b", "b"))
    task.refresh_from_db()
    assert task.state == TaskState.SAMPLING
    assert SamplingRun.objects.get(state="failed").error == "RuntimeError: CUDA error: device lost"

    sampler = ScriptedSampler("c", "d")
    sample(task, model, sampler)
    assert [c.text for c in task.completions.all()] == ["a", "b", "c", "d"]
    assert sampler.requests[0].num_completions == 2  # it went on with what it had


def test_a_message_delivered_twice_changes_nothing(model: ModelVersion) -> None:
    task = make_task()
    sample(task, model, ScriptedSampler("a", "b", "c", "d"))
    sampler = ScriptedSampler()
    sample(task, model, sampler)
    assert sampler.requests == []
    assert task.completions.count() == 4


def test_characters_that_postgres_refuses_are_shown_as_replaced(model: ModelVersion) -> None:
    task = make_task()
    sample(task, model, ScriptedSampler("a\0b", "b", "c", "d"))
    assert task.completions.all()[0].text == "a\N{REPLACEMENT CHARACTER}b"


def test_top_up_fills_to_the_depth_and_no_further() -> None:
    campaign = make_campaign(ready_minutes=6, ranking_tasks_per_prompt=2)
    for _ in range(4):
        make_prompt(campaign)
    assert len(top_up(campaign=campaign)) == 3
    assert top_up(campaign=campaign) == []
    RankingTask.objects.update(state=TaskState.SET_ASIDE, set_aside_reason="spoiled")
    assert len(top_up(campaign=campaign)) == 3
    RankingTask.objects.update(state=TaskState.SET_ASIDE, set_aside_reason="spoiled")
    assert len(top_up(campaign=campaign)) == 2  # 4 prompts × 2 tasks are all there is
    RankingTask.objects.update(state=TaskState.SET_ASIDE, set_aside_reason="spoiled")
    assert top_up(campaign=campaign) == []


def test_a_task_is_sent_once_and_again_when_its_message_was_lost() -> None:
    task = make_task()
    assert OTHER_TASKS.take() == [task.pk]
    assert OTHER_TASKS.take() == []
    assert OTHER_TASKS.take(now=timezone.now() + timedelta(minutes=16)) == [task.pk]


def test_campaigns_take_turns_at_the_sampling_workers() -> None:
    many, one = make_campaign(ready_minutes=6), make_campaign(ready_minutes=6)
    for _ in range(3):
        make_prompt(many)
    first, second, third = top_up(campaign=many)
    make_prompt(one)
    (alone,) = top_up(campaign=one)
    assert OTHER_TASKS.take() == [first, alone, second, third]
