"""Completions of several models under one prompt: each from where the campaign says, recorded, and not to be seen."""

import re
from collections import Counter
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.base.states import AssignmentKind, CheckState, LabelerGroup, TaskState
from labeling.desk.demonstrating.services import submit_demonstration
from labeling.desk.queries.available import available_by_campaign
from labeling.desk.services.assignments import claim_demonstration, claim_ranking
from labeling.models import (
    Assignment,
    Campaign,
    Completion,
    Demonstration,
    Labeler,
    ModelCheck,
    ModelVersion,
    Prompt,
    RankingTask,
    SamplingRun,
)
from labeling.ranking_tasks.rules import near_key
from labeling.ranking_tasks.services.sampling import Sources, sample_tasks
from labeling.ranking_tasks.services.tasks import top_up
from sampler.protocol import CannotSample, SampledCompletion, SampleRequest
from tests.labeling.cast import browser_of, have_read, make_campaign, make_labeler, make_prompt, ranking_form_data
from tests.labeling.scripted_rewarder import ScriptedRewarder, current_reward_model
from tests.labeling.scripted_sampler import ScriptedSampler

pytestmark = pytest.mark.django_db


def version(name: str, state: str = "candidate") -> ModelVersion:
    return ModelVersion.objects.create(kind="sft", name=name, path=f"/{name}", state=state)


@pytest.fixture
def current() -> ModelVersion:
    return version("policy-3", "current")


@pytest.fixture
def older() -> ModelVersion:
    return version("policy-2")


class Named(ScriptedSampler):
    """Says whose it is, which no model would."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def _next(self, request: SampleRequest) -> SampledCompletion:
        self.texts.append(f"{self.name} says {next(self.numbers)} at {request.temperature:g}")
        return super()._next(request)


def part(share: int, model: ModelVersion | None = None, temperature: float | None = None) -> dict[str, Any]:
    return {"share": share, "model": model.pk if model else None, "temperature": temperature, "top_p": None}


def fill(campaign: Campaign, current: ModelVersion, **samplers: ScriptedSampler) -> RankingTask:
    """Beat and a sampling worker, for one prompt of the campaign. `samplers` by the names of their versions."""
    make_prompt(campaign)
    (task_id,) = top_up(campaign=campaign)
    return sample(task_id, current, **samplers)


def sample(task_id: int, current: ModelVersion, rewarder: Any = None, **samplers: ScriptedSampler) -> RankingTask:
    known = {name.replace("_", "-"): sampler for name, sampler in samplers.items()}
    picker = (current_reward_model(), rewarder) if rewarder else None
    sources = Sources(current=current, sampler_of=lambda each: known.get(each.name), rewarder=lambda: picker)
    sample_tasks(task_ids=[task_id], sources=sources, resample_limit=2)
    return RankingTask.objects.get(pk=task_id)


def where_from(task: RankingTask) -> Counter[tuple[str, float | None]]:
    rows = task.completions.values_list("run__model_version__name", "run__temperature")
    return Counter((name, temperature) for name, temperature in rows)


def test_each_model_and_temperature_gets_its_share_and_a_second_delivery_nothing(
    current: ModelVersion, older: ModelVersion
) -> None:
    campaign = make_campaign(k_min=8, k_max=8, temperature=0.9, mixture=[part(2), part(1, older), part(1, older, 0.2)])
    task = fill(campaign, current, policy_3=Named("new"), policy_2=Named("old"))
    assert task.state == TaskState.READY
    assert where_from(task) == {("policy-3", 0.9): 4, ("policy-2", 0.9): 2, ("policy-2", 0.2): 2}
    assert {run.new_tokens for run in task.sampling_runs.all()} == {6, 12}
    runs = task.sampling_runs.count()
    sample(task.pk, current, policy_3=Named("new"), policy_2=Named("old"))
    assert task.sampling_runs.count() == runs


def test_duplicates_are_resampled_from_the_model_they_came_from(current: ModelVersion, older: ModelVersion) -> None:
    campaign = make_campaign(k_min=4, k_max=4, mixture=[part(1), part(1, older)])
    repeating = ScriptedSampler("Same.", "same", "other", "third")
    task = fill(campaign, current, policy_3=Named("new"), policy_2=repeating)
    assert where_from(task) == {("policy-3", 1.0): 2, ("policy-2", 1.0): 2}
    assert [request.num_completions for request in repeating.requests] == [2, 1]


def test_a_version_that_cannot_be_used_leaves_its_share_to_the_others_until_it_can(
    current: ModelVersion, older: ModelVersion
) -> None:
    campaign = make_campaign(k_min=4, k_max=4, mixture=[part(1), part(1, older)])

    class Down(ScriptedSampler):
        def sample(self, requests: Any, **_: Any) -> Any:
            raise CannotSample("the sampling server does not answer")

    task = fill(campaign, current, policy_3=Named("new"), policy_2=Down())
    assert (task.state, task.dispatched_at) == (TaskState.SAMPLING, None)
    assert "does not answer" in older.checks.get().failure
    task = sample(task.pk, current, policy_3=Named("again"), policy_2=Down())
    assert task.state == TaskState.READY
    assert where_from(task) == {("policy-3", 1.0): 4}

    ModelCheck.objects.create(model_version=older, state=CheckState.PASSED, finished_at=timezone.now())
    later = fill(campaign, current, policy_3=Named("new"), policy_2=Named("old"))
    assert where_from(later) == {("policy-3", 1.0): 2, ("policy-2", 1.0): 2}


class TestPicked:
    def test_a_share_is_the_best_of_n_and_the_rest_as_it_comes(self, current: ModelVersion) -> None:
        campaign = make_campaign(k_min=4, k_max=4, best_of_percent=50, best_of=3)
        make_prompt(campaign)
        (task_id,) = top_up(campaign=campaign)
        texts = ["plain one", "plain two", "bad", "b", "the longest", "worst", "cc", "better still"]
        task = sample(task_id, current, ScriptedRewarder(), policy_3=ScriptedSampler(*texts))
        plain, picked = task.sampling_runs.order_by("pk")
        assert [each.text for each in plain.completions.all()] == texts[:2]
        assert (plain.best_of, plain.picked_by) == (1, None)
        assert [each.text for each in picked.completions.all()] == ["the longest", "better still"]
        assert (picked.best_of, picked.picked_by and picked.picked_by.kind, picked.new_tokens) == (3, "reward", 18)

    def test_without_a_reward_model_all_come_as_they_are_and_are_recorded_so(self, current: ModelVersion) -> None:
        task = fill(make_campaign(k_min=4, k_max=4, best_of_percent=50), current, policy_3=Named("new"))
        assert task.state == TaskState.READY
        assert {run.best_of for run in task.sampling_runs.all()} == {1}


class TestDemonstrations:
    def written(self, labeler: Labeler, prompt: Prompt, text: str = "An ideal answer.") -> Demonstration:
        held = claim_demonstration(labeler=labeler)
        assert held is not None
        assert held.prompt == prompt
        submit_demonstration(labeler=labeler, token=str(held.token), text=text, active_seconds=1)
        return Demonstration.objects.latest("pk")

    def test_it_is_one_of_the_completions_and_its_author_is_not_offered_the_task(
        self, alice: Labeler, bob: Labeler, current: ModelVersion
    ) -> None:
        campaign = make_campaign(k_min=4, k_max=4, include_demonstration=True)
        prompt = make_prompt(campaign)
        demonstration = self.written(alice, prompt)
        (task_id,) = top_up(campaign=campaign)
        task = sample(task_id, current, policy_3=Named("new"))
        run = task.sampling_runs.get(demonstration=demonstration)
        assert run.completions.get().text == "An ideal answer."
        assert (task.k, task.written_by) == (4, alice)
        assert claim_ranking(labeler=alice) is None
        assert available_by_campaign(alice, AssignmentKind.RANKING) == {}
        assert not RankingTask.objects.claimable_by(alice).exists()
        held = claim_ranking(labeler=bob)
        assert held is not None
        assert held.task == task

    def test_a_held_out_labelers_is_not_taken_nor_one_that_nobody_asked_for(
        self, alice: Labeler, current: ModelVersion
    ) -> None:
        Labeler.objects.update(group=LabelerGroup.HELD_OUT)
        campaign = make_campaign(k_min=4, k_max=4, include_demonstration=True)
        self.written(Labeler.objects.get(), make_prompt(campaign))
        (task_id,) = top_up(campaign=campaign)
        assert sample(task_id, current, policy_3=Named("new")).written_by is None


def test_nothing_shows_a_labeler_which_is_which(current: ModelVersion, older: ModelVersion) -> None:
    """Neither the page's text and code, nor the order, tells the models, what was picked or the demonstration apart."""
    author, bob = make_labeler("author"), make_labeler("bob")
    campaign = make_campaign(
        k_min=6, k_max=6, mixture=[part(1), part(1, older)], best_of_percent=30, best_of=2, include_demonstration=True
    )
    prompt = make_prompt(campaign)
    TestDemonstrations().written(author, prompt)
    (task_id,) = top_up(campaign=campaign)
    new = ScriptedSampler("Rain falls", "Snow melts", "Wind blows", "Fog lifts", "Ice cracks")
    old = ScriptedSampler("Dew dries", "Hail hits", "Sleet slides", "Mist hangs", "Frost bites")
    task = sample(task_id, current, ScriptedRewarder(), policy_3=new, policy_2=old)
    assert len(set(task.completions.values_list("run__model_version", "run__best_of"))) >= 3
    held = claim_ranking(labeler=bob)
    assert held is not None
    client = browser_of(bob)
    page = client.get(f"/work/{held.token}/").text
    for completion in task.completions.all():
        assert page.count(completion.text) >= 1
    for told in ("policy-", "best_of", "picked_by", "written_by", "demonstration_id", "logprob", "author"):
        assert told not in page, told
    # The order is a hash of a number of the assignment's own: what was sampled first is anywhere.
    first = task.completions.order_by("pk").first()
    assert first is not None
    places = set()
    for number in range(20):
        labeler = make_labeler(f"bob-{number}")
        RankingTask.objects.update(rankings_needed=number + 2)
        taken = claim_ranking(labeler=labeler)
        assert taken is not None
        places.add(taken.shown_order.index(first.pk))
    assert len(places) >= 4  # of six; fewer once in 50,000 times


def test_a_task_is_offered_when_all_its_completions_are_there_whichever_model_is_slow(
    current: ModelVersion, older: ModelVersion, bob: Labeler
) -> None:
    campaign = make_campaign(k_min=4, k_max=4, mixture=[part(1), part(1, older)])
    have_read(bob, campaign)
    offered: list[tuple[int, Assignment | None]] = []

    class Watched(Named):
        def sample(self, requests: Any, **_: Any) -> Any:
            offered.append((Completion.objects.count(), claim_ranking(labeler=bob)))
            return super().sample(requests)

    fill(campaign, current, policy_3=Watched("new"), policy_2=Watched("old"))
    assert offered == [(0, None), (2, None)]
    held = claim_ranking(labeler=bob)
    assert held is not None
    assert len(held.shown_order) == 4


def test_no_answer_to_a_labeler_nor_the_work_that_it_takes_tells_where_completions_come_from(
    current: ModelVersion, older: ModelVersion
) -> None:
    """All of one model, a mixture of which half is picked, and one with a demonstration: with texts, names and random
    numbers taken out, claiming, the page, handing in and looking back are answered with the same bytes and headers,
    after as many statements.
    """
    ways: list[dict[str, Any]] = [
        {},
        {"mixture": [part(1), part(1, older, 0.2)], "best_of_percent": 50, "best_of": 2},
        {"include_demonstration": True},
    ]
    author = make_labeler("author")
    answers = []
    for number, way in enumerate(ways):
        campaign = make_campaign(name="Everyday", k_min=4, k_max=4, **way)
        prompt = make_prompt(campaign, text="Why is the sky blue?")
        have_read(author, campaign)
        TestDemonstrations().written(author, prompt, "text z")
        (task_id,) = top_up(campaign=campaign)
        new, old = (ScriptedSampler(*[f"text {letter}" for letter in letters]) for letters in ("abcdefgh", "ijklmnop"))
        task = sample(task_id, current, ScriptedRewarder(), policy_3=new, policy_2=old)
        assert task.state == TaskState.READY
        answers.append(answers_to(make_labeler(f"bob-{number}"), task))
    sources = SamplingRun.objects.values_list("task", "model_version", "temperature", "best_of", "demonstration")
    assert len(set(sources)) >= 6
    for one, mixed, written in zip(*answers, strict=True):
        assert one == mixed == written


def answers_to(labeler: Labeler, task: RankingTask) -> list[tuple[int, str, str, int]]:
    """Status, headers, body and number of statements of each answer on the way through the task."""
    client, found = browser_of(labeler), []

    def note(send: Any, *given: Any) -> Any:
        with CaptureQueriesContext(connection) as queries:
            answer = send(*given)
        found.append((answer.status_code, anonymous(str(dict(answer.headers))), anonymous(answer.text), len(queries)))
        return answer

    note(client.post, "/next/ranking/")
    token = Assignment.objects.get(labeler=labeler, task=task).token
    assert "text " in note(client.get, f"/work/{token}/").text
    note(client.post, f"/work/{token}/submit/", ranking_form_data([1, 2, 3, 4]))
    assert "text " in note(client.get, f"/history/{token}/").text
    return found


def anonymous(answer: str) -> str:
    """Without names, random numbers, moments and the texts of completions."""
    moment = r"\d{4}-\d\d-\d\dT[\d:.+]+|\d+:\d\d(?::\d\d)?(?: [ap]\.m\.)?"
    for what in (r"[0-9a-f-]{32,36}", r"[\w+/=-]{20,}", r"bob-\d", r'data-labeler="\d+"', r"text [a-z]", moment):
        answer = re.sub(what, "…", answer)
    return answer


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Yes.", "yes", True),
        ("“It is **blue**.”", "It is blue", True),
        ("好的。", "好的", True),
        ("f(x) = 1", "f(x) = 2", False),
        ("a - b", "a + b", False),
        ("(a)", "(a", False),
        ("!!!", "???", False),
        ("It is.", "It isn't.", False),
    ],
)
def test_near_identical_is_what_differs_in_nothing_that_could_be_ranked(one: str, other: str, same: bool) -> None:
    assert (near_key(one) == near_key(other)) is same
