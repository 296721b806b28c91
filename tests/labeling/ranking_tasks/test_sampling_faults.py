"""What goes wrong in sampling: no task is lost or filled twice, the admin sees why, and it goes on by itself."""

import json
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.base.states import SamplingFailure, TaskState
from labeling.model_versions.queries import why_unusable
from labeling.models import ModelCheck, ModelVersion, RankingTask, SamplerReport, SamplingRun
from labeling.ranking_tasks.services.sampling import OTHER_TASKS, one_source, sample_tasks
from labeling.ranking_tasks.services.tasks import make_task
from sampler.protocol import ModelFault, SampledCompletion, SampleRequest, SamplerSight
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_prompt
from tests.labeling.scripted_sampler import ScriptedSampler

pytestmark = pytest.mark.django_db


def csv_of(client: Client, address: str) -> str:
    response: Any = client.get(address)
    return b"".join(response).decode("utf-8-sig")


@pytest.fixture
def model() -> ModelVersion:
    return ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")


def tasks_of(*texts: str) -> list[RankingTask]:
    campaign = make_campaign(k_min=4, k_max=4)
    return [make_task(prompt=make_prompt(campaign, text=text), campaign=campaign) for text in texts]


def sample(tasks: Sequence[RankingTask], model: ModelVersion, sampler: Any) -> None:
    sample_tasks(task_ids=[task.pk for task in tasks], sources=one_source(model, sampler), resample_limit=1)
    for task in tasks:
        task.refresh_from_db()


class Faulty(ScriptedSampler):
    """Raises or falls silent at requests of which the rule says so."""

    def __init__(self, at: Callable[[str], bool], error: Exception | None) -> None:
        super().__init__()
        self.at, self.error = at, error

    def sample(self, requests: Sequence[SampleRequest], **_: Any) -> list[list[SampledCompletion]]:
        faulty = [self.at(request.messages[-1]["content"]) for request in requests]
        if self.error and any(faulty):
            raise self.error
        self.texts = [
            "" if at else f"text {next(self.numbers)}"
            for request, at in zip(requests, faulty, strict=True)
            for _ in range(request.num_completions)
        ]
        return super().sample(requests)


NO_NUMBERS = ModelFault("The model computed no usable probabilities in bfloat16.")


class TestOnePromptThatFails:
    @pytest.mark.parametrize(
        ("error", "reason"),
        [(NO_NUMBERS, "no usable probabilities in bfloat16. (model tiny)"), (None, "Only 0 distinct completions")],
    )
    def test_it_is_set_aside_with_the_reason_and_its_neighbours_are_sampled(
        self, model: ModelVersion, error: Exception | None, reason: str
    ) -> None:
        good, poison, last = tasks_of("good", "poison", "last")
        sample([good, poison, last], model, Faulty(lambda text: text == "poison", error))
        assert [task.state for task in (good, poison, last)] == [TaskState.READY, TaskState.SET_ASIDE, TaskState.READY]
        assert reason in poison.set_aside_reason
        assert not why_unusable(model)


class TestAModelThatFails:
    @pytest.mark.parametrize(
        ("error", "reason"), [(NO_NUMBERS, "no usable probabilities"), (None, "It ends its turn at once")]
    )
    def test_no_task_is_set_aside_its_page_says_why_and_it_goes_on_when_it_is_mended(
        self, model: ModelVersion, error: Exception | None, reason: str
    ) -> None:
        tasks = tasks_of("one", "two")
        sample(tasks, model, Faulty(lambda _text: True, error))
        assert {(task.state, task.dispatched_at) for task in tasks} == {(TaskState.SAMPLING, None)}
        assert reason in why_unusable(model)
        page = admin_browser().get(reverse("admin:labeling_modelversion_change", args=[model.pk])).text
        assert reason in page

        ModelCheck.objects.create(model_version=model, state="passed", finished_at=timezone.now())
        sample(tasks, model, ScriptedSampler())
        assert {task.state for task in tasks} == {TaskState.READY}


def test_two_workers_on_one_task_fill_it_once(model: ModelVersion) -> None:
    """The second begins and ends while the first is at it, as when a message comes twice."""
    (task,) = tasks_of("shared")

    class Overtaken(ScriptedSampler):
        def sample(self, requests: Sequence[SampleRequest], **_: Any) -> list[list[SampledCompletion]]:
            found = super().sample(requests)
            sample([task], model, ScriptedSampler("a1", "b1", "c1", "d1"))
            return found

    sample([task], model, Overtaken("a2", "b2", "c2", "d2"))
    assert (task.state, task.k) == (TaskState.READY, 4)
    assert [each.text for each in task.completions.order_by("pk")] == ["a1", "b1", "c1", "d1"]
    assert [run.duplicates_dropped for run in task.sampling_runs.order_by("pk")] == [4, 0]
    assert not SamplingRun.objects.filter(state="running").exists()


def test_what_redis_forgot_keeps_nothing_waiting_and_is_sent_again(
    model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.ranking_tasks.planning.rules.FEWEST_IN_FLIGHT", 2)
    one, two, three = (task.pk for task in tasks_of("one", "two", "three"))
    now = timezone.now()
    assert OTHER_TASKS.take(now=now) == [one, two]
    assert OTHER_TASKS.take(now=now + timedelta(minutes=4)) == []
    assert OTHER_TASKS.take(now=now + timedelta(minutes=6)) == [three]
    assert OTHER_TASKS.take(now=now + timedelta(minutes=16)) == [one, two]


def test_each_run_leaves_one_line_and_what_the_sampler_holds(
    model: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    class Sighted(ScriptedSampler):
        def sight(self) -> SamplerSight:
            return SamplerSight(
                prompt_tokens=90, prefix_tokens=10, new_tokens=12, steps=3, rows_in_steps=12, halvings=0,
                first_tokens=2, first_token_seconds=0.5, cache_bytes=1024, cache_limit_bytes=4096,
            )  # fmt: skip

    caplog.set_level(logging.INFO)
    (task,) = tasks_of("seen")
    sample([task], model, Sighted())
    (line,) = [each.getMessage() for each in caplog.records if each.getMessage().startswith("sampling run ")]
    told = json.loads(line.removeprefix("sampling run "))
    assert (told["task"], told["model"], told["state"], told["tokens"]) == (task.pk, "tiny", "done", 12)
    assert told["tokens_per_second"] > 0
    assert SamplerReport.objects.get().model_version == model

    (long,) = tasks_of("long")
    sample([long], model, ScriptedSampler(refuse=lambda _request: True))
    assert SamplingRun.objects.get(state="failed").failure == SamplingFailure.PROMPT
    assert "at most 1792 fit" in long.set_aside_reason
    metrics = admin_browser().get("/metrics").text
    worker = SamplerReport.objects.get().worker
    for name, value in (("batch_rows", 4.0), ("first_token_seconds", 0.25), ("cache_bytes", 1024.0)):
        assert f'concord_sampler_{name}{{model="tiny",worker="{worker}"}} {value}' in metrics
    assert 'concord_sampling_failures{reason="prompt"} 1.0' in metrics
    csv = csv_of(admin_browser(name="otto"), "/control/sampling.csv")
    assert "failed_prompt,1.0" in csv
    assert f"prefix_share {worker},0.1" in csv
