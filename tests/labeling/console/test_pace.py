"""What beat plans by: who is at work, how long a ranking takes them, how fast completions are made."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from labeling.alerts.services.signs import say_alive
from labeling.console.queries.pace import paces, sampling_now
from labeling.console.queries.work import work_by_day
from labeling.desk.services.assignments import claim_ranking
from labeling.models import Campaign, Labeler, ModelVersion, RankingTask, SamplingRun
from labeling.ranking_tasks.models.tasks import HAS_A_FREE_PLACE
from labeling.ranking_tasks.services.sampling import OTHER_TASKS
from labeling.ranking_tasks.services.tasks import Paces, make_task, top_up
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db


def csv_of(client: Client, address: str) -> str:
    response: Any = client.get(address)
    return b"".join(response).decode("utf-8-sig")


def known() -> Paces:
    return paces(work_by_day(8))


@pytest.fixture
def campaign() -> Campaign:
    """Rankings in it take 91.5 s, as tests.labeling.handed_in hands them in."""
    return make_campaign(ready_minutes=10, k_min=4, k_max=4)


def test_the_more_are_at_work_the_more_lies_ahead_and_of_nobody_little(campaign: Campaign) -> None:
    labelers = [make_labeler(name) for name in ("alice", "bob", "carol")]
    for _ in range(60):
        make_prompt(campaign)
    assert len(top_up(campaign=campaign, paces=known())) == 3
    RankingTask.objects.all().delete()
    for labeler in labelers:
        make_ready_task(make_prompt(campaign))
        rank(labeler, [1, 2, 3, 4])
    pace = known().of(campaign, ["en"])
    assert (pace.at_work, pace.seconds) == (3, 91.5)
    made = top_up(campaign=campaign, paces=known())
    assert len(made) == 20  # three people, 10 minutes, 91.5 s: 19.7
    assert top_up(campaign=campaign, paces=known()) == []
    # Of two of them the last word is older than half an hour.
    with_none_since = paces(work_by_day(8), now=timezone.now() + timedelta(hours=1))
    assert with_none_since.of(campaign, ["en"]).at_work == 0


def test_who_takes_turns_is_a_part_of_one_in_each_and_who_holds_a_task_is_at_work(campaign: Campaign) -> None:
    other = make_campaign()
    alice = make_labeler("alice")
    for each in (campaign, other):
        make_ready_task(make_prompt(each))
        rank(alice, [1, 2, 3, 4])
    found = known()
    assert [found.of(each, ["en"]).at_work for each in (campaign, other)] == [0.5, 0.5]
    assert found.at_work == {alice.pk: {campaign.pk, other.pk}}
    bob = make_labeler("bob", languages=["zh"])
    make_ready_task(make_prompt(campaign, language="zh"))
    assert claim_ranking(labeler=bob)
    assert known().of(campaign, ["zh"]).at_work == 1
    assert known().of(campaign, ["en", "zh"]).at_work == 1.5


def test_the_admin_sees_whether_sampling_keeps_up_and_what_would(campaign: Campaign) -> None:
    """Four labelers use up 2.6 tasks a minute; the worker needs 60 s for each."""
    model = ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")
    for name in ("alice", "bob", "carol", "dave"):
        task = make_ready_task(make_prompt(campaign))
        rank(make_labeler(name), [1, 2, 3, 4])
        SamplingRun.objects.create(
            task=task, model_version=model, requested=4, temperature=1, top_p=1, max_new_tokens=8, seed=1, state="done",
            new_tokens=600, seconds=60.0, finished_at=timezone.now(),
        )  # fmt: skip
    say_alive(name="celery@gpu-1", queues="suggestions,sampling", gpus=[])
    now = sampling_now(known())
    assert now.tokens_per_second == 10
    assert now.verdict is not None
    assert now.verdict.sustained == pytest.approx(1)
    assert now.verdict.workers_wanted == 3
    assert now.verdict.labelers == pytest.approx(91.5 / 60)
    olga = admin_browser()
    page = olga.get("/admin/").text
    assert "3 workers like these would do" in page
    csv = csv_of(olga, "/control/sampling.csv")
    assert "sustained_tasks_per_minute,1.0" in csv
    ready = csv_of(olga, "/control/ready.csv").splitlines()
    assert "at_work" in ready[0]
    metrics = olga.get("/metrics").text
    assert 'concord_sampling_tasks_per_minute{of="sustained"} 1.0' in metrics
    assert "concord_sampling_tokens_per_second 10.0" in metrics
    assert f'concord_ready_minutes{{campaign="{campaign.slug}",language="en"}} 0.0' in metrics


class TestWhatIsSent:
    def test_a_higher_priority_first_then_campaigns_in_turn(self) -> None:
        usual, other, urgent = make_campaign(), make_campaign(), make_campaign(priority=5)
        made = {
            each: [make_task(prompt=make_prompt(each), campaign=each).pk for _ in range(2)]
            for each in (usual, other, urgent)
        }
        assert OTHER_TASKS.take() == [
            *made[urgent], made[usual][0], made[other][0], made[usual][1], made[other][1],
        ]  # fmt: skip

    def test_no_more_than_workers_do_soon_so_that_what_is_urgent_can_come_before(self, monkeypatch: Any) -> None:
        monkeypatch.setattr("labeling.ranking_tasks.planning.rules.FEWEST_IN_FLIGHT", 3)
        usual, urgent = make_campaign(), make_campaign(priority=5)
        ids = [make_task(prompt=make_prompt(usual), campaign=usual).pk for _ in range(5)]
        assert OTHER_TASKS.take() == ids[:3]
        assert OTHER_TASKS.take() == []
        task = make_task(prompt=make_prompt(urgent), campaign=urgent)
        RankingTask.objects.filter(pk=ids[0]).update(state="set_aside", set_aside_reason="spoiled")
        assert OTHER_TASKS.take() == [task.pk]


def test_what_is_ready_counts_for_those_who_may_take_it(campaign: Campaign) -> None:
    """Twenty tasks that Alice has met are none ahead of her."""
    alice: Labeler = make_labeler("alice")
    for _ in range(4):
        make_ready_task(make_prompt(campaign))
        rank(alice, [1, 2, 3, 4])
    RankingTask.objects.update(state="ready", rankings_needed=2)
    for _ in range(10):
        make_prompt(campaign)
    assert RankingTask.objects.filter(HAS_A_FREE_PLACE).count() == 4
    assert len(top_up(campaign=campaign, paces=known())) == 7  # 10 minutes of 91.5 s
