"""Work that kills its workers: counted, tried alone, set aside with the reason; everything beside it is done."""

import sys
from collections.abc import Sequence
from typing import Any

import pytest
from celery.signals import worker_shutting_down
from django.contrib.auth.models import User
from django.utils import timezone

import labeling.tasks
from labeling.base.attempts import FORGOTTEN_AFTER, MOST_DEATHS, UnfinishedAttempt
from labeling.base.states import CheckState, CompositionKind, ImportState, SuggestionState, TaskState
from labeling.imports.rules.rows import Defaults
from labeling.imports.services import prompt_imports
from labeling.imports.services.prompt_imports import stop_import
from labeling.model_versions.services.checks import check_again
from labeling.models import (
    ModelVersion,
    PromptImport,
    RankingTask,
    RewardScore,
    SamplingRun,
    ScoringRequest,
    SuggestionRequest,
)
from labeling.ranking_tasks.services.tasks import make_task, top_up
from labeling.rewards.services.scoring_requests import ScoringItem, request_scores
from labeling.writing.services import start_composition
from labeling.writing.suggestions.services import request_suggestions
from sampler.protocol import SampledCompletion, SampleRequest
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.scripted_rewarder import ScriptedRewarder, current_reward_model
from tests.labeling.scripted_sampler import ScriptedSampler

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """Stands for SIGKILL: nothing that a worker would still do is done."""


@pytest.fixture(autouse=True)
def _nobody_crosses_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a SIGKILL nothing is deleted: the attempt stays as it was written."""
    delete = UnfinishedAttempt.objects.filter().__class__.delete

    def unless_killed(rows: Any) -> Any:
        return None if isinstance(sys.exc_info()[1], Killed) else delete(rows)

    monkeypatch.setattr("django.db.models.query.QuerySet.delete", unless_killed)


class KilledBy(ScriptedSampler):
    """A worker that is killed whenever the word is in the prompts that it is given."""

    def sample(self, requests: Sequence[SampleRequest], **_: Any) -> list[list[SampledCompletion]]:
        if any("poison" in request.messages[-1]["content"] for request in requests):
            raise Killed
        return super().sample(requests)


@pytest.fixture
def model() -> ModelVersion:
    return ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")


def deliver(task: Any, argument: Any) -> int:
    """Delivers the message again and again, as Celery does when its worker is lost; returns how often it killed."""
    for deaths in range(10):
        try:
            task(argument)
        except Killed:
            continue
        return deaths
    raise AssertionError("It is delivered for ever.")


def test_a_prompt_that_kills_samplers_is_set_aside_and_its_neighbours_are_sampled(
    model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(k_min=4, k_max=4)
    for text in ("one", "poison", "two"):
        make_prompt(campaign, text=text)
    ids = top_up(campaign=campaign)
    sampler = KilledBy(*[f"{number}" for number in range(99)])
    monkeypatch.setattr("labeling.tasks.sampling.loaded_sampler", lambda _model: sampler)
    assert deliver(labeling.tasks.sampling.sample_completions, ids) == MOST_DEATHS

    states = {task.prompt.last_user_text(): task for task in RankingTask.objects.select_related("prompt")}
    assert [states[text].state for text in ("one", "poison", "two")] == ["ready", "set_aside", "ready"]
    assert "3 workers died at it" in states["poison"].set_aside_reason
    assert not SamplingRun.objects.filter(state="running").exists()
    assert not UnfinishedAttempt.objects.exists()


def test_a_worker_that_is_only_slow_counts_as_no_death_and_ends_its_own_runs(
    model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its message comes again and again meanwhile, each time to a worker that is quicker."""
    prompt = make_prompt(make_campaign(k_min=4, k_max=4))
    task = make_task(prompt=prompt, campaign=prompt.campaign)

    class Slow(ScriptedSampler):
        def sample(self, requests: Sequence[SampleRequest], **_: Any) -> list[list[SampledCompletion]]:
            if len(self.requests) < MOST_DEATHS + 1:
                self.requests += requests
                labeling.tasks.sampling.sample_completions([task.pk])
            return super().sample(requests)

    sampler = Slow()
    monkeypatch.setattr("labeling.tasks.sampling.loaded_sampler", lambda _model: sampler)
    labeling.tasks.sampling.sample_completions([task.pk])
    task.refresh_from_db()
    assert (task.state, task.k, task.set_aside_reason) == (TaskState.READY, 4, "")
    assert list(SamplingRun.objects.values_list("state", flat=True)) == ["done"] * (MOST_DEATHS + 2)


def test_a_model_that_kills_whoever_loads_it_is_not_loaded_for_ever(
    model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(k_min=4, k_max=4)
    make_prompt(campaign)

    def load(_path: str) -> ScriptedSampler:
        raise Killed

    monkeypatch.setattr("labeling.tasks.sampling.loaded_sampler", load)
    assert deliver(labeling.tasks.sampling.sample_completions, top_up(campaign=campaign)) == MOST_DEATHS
    assert RankingTask.objects.get().state == TaskState.SET_ASIDE


def test_a_suggestion_and_a_request_for_rewards_fail_with_the_reason(
    model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = make_labeler("alice")
    begun = start_composition(labeler=alice, campaign=make_campaign(ask_dialogues=True), kind=CompositionKind.DIALOGUE)
    asked = request_suggestions(
        labeler=alice, token=str(begun.token), position=2, messages=[{"role": "user", "content": "poison"}]
    )
    monkeypatch.setattr("labeling.tasks.sampling.loaded_sampler", lambda _model: KilledBy())
    assert deliver(labeling.tasks.sampling.sample_suggestions, asked.pk) == MOST_DEATHS
    assert SuggestionRequest.objects.get().state == SuggestionState.FAILED

    current_reward_model()
    item = ScoringItem(prompt=[{"role": "user", "content": "Hi"}], completions=["Hello!"])
    request = request_scores(user=User.objects.create_user("petra"), items=[item], per_minute=9)
    monkeypatch.setattr("labeling.tasks.scoring.loaded_rewarder", lambda _model: ScriptedRewarder(meanwhile=kill))
    assert deliver(labeling.tasks.scoring.score_request, request.pk) == MOST_DEATHS
    assert "3 workers died at it" in ScoringRequest.objects.get().failure


def kill() -> None:
    raise Killed


def test_a_completion_that_kills_scorers_has_no_reward_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    make_ready_task(make_prompt(make_campaign()))
    current_reward_model()
    monkeypatch.setattr("labeling.tasks.scoring.loaded_rewarder", lambda _model: ScriptedRewarder(meanwhile=kill))
    for _beat in range(MOST_DEATHS):
        with pytest.raises(Killed):
            labeling.tasks.scoring.score_completions()
    labeling.tasks.scoring.score_completions()
    scores = RewardScore.objects.all()
    assert len(scores) == 4
    assert all(score.reward is None and "workers died" in score.problem for score in scores)


def test_a_model_that_kills_whoever_tries_it_and_a_file_that_kills_its_readers_fail_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="candidate")
    check = check_again(version=version)
    monkeypatch.setattr("labeling.tasks.model_versions.loaded_sampler", lambda _model: kill())
    assert deliver(labeling.tasks.model_versions.sample_once, check.pk) == MOST_DEATHS
    check.refresh_from_db()
    assert (check.state, check.failure[:24]) == (CheckState.FAILED, "3 workers died at it (ki")

    brought = PromptImport.objects.create(campaign=make_campaign(), file_name="huge.jsonl")
    monkeypatch.setattr("labeling.imports.services.prompt_imports.run_pass", lambda **_: kill())
    assert deliver(labeling.tasks.imports_and_exports.take_in_file, brought.pk) == MOST_DEATHS
    brought.refresh_from_db()
    assert (brought.state, brought.error[:24]) == (ImportState.FAILED, "3 workers died at it (ki")
    assert not UnfinishedAttempt.objects.exists()


def test_what_is_read_anew_may_kill_as_often_again(monkeypatch: pytest.MonkeyPatch) -> None:
    brought = PromptImport.objects.create(campaign=make_campaign(), file_name="huge.jsonl")
    monkeypatch.setattr("labeling.imports.services.prompt_imports.run_pass", lambda **_: kill())
    with pytest.raises(Killed):
        labeling.tasks.imports_and_exports.take_in_file(brought.pk)
    stop_import(prompt_import=brought, user=User.objects.create_user("olga"))
    assert UnfinishedAttempt.objects.exists()
    monkeypatch.setattr("labeling.imports.services.prompt_imports.run_pass", lambda **_: None)
    prompt_imports.check_again(prompt_import=brought, defaults=Defaults())
    assert not UnfinishedAttempt.objects.exists()


def test_old_deaths_are_forgotten_by_beat() -> None:
    for row, age in ((1, FORGOTTEN_AFTER * 2), (2, FORGOTTEN_AFTER / 2)):
        UnfinishedAttempt.objects.create(task="any", row=row, began_at=timezone.now() - age)
    labeling.tasks.upkeep.forget_what_is_old()
    assert UnfinishedAttempt.objects.get().row == 2


def test_being_stopped_by_hand_in_the_middle_counts_against_nothing() -> None:
    for _stop in range(MOST_DEATHS):
        UnfinishedAttempt.objects.create(task="labeling.tasks.sample_completions", row=1, worker="sampling@here")
        UnfinishedAttempt.objects.create(task="labeling.tasks.sample_completions", row=2, worker="sampling@there")
        worker_shutting_down.send(sender="sampling@here", sig="QUIT", how="Cold", exitcode=0)
    assert set(UnfinishedAttempt.objects.values_list("row", flat=True)) == {2}
