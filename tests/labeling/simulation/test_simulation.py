"""Simulated labelers work apart from people, and what learns from them says so and becomes current only when asked."""

import random
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from labeling.base.refusals import ModelRefused
from labeling.base.states import CampaignState, ModelKind, ModelState
from labeling.console.queries.pipeline import pipeline
from labeling.desk.services.assignments import claim_ranking
from labeling.model_versions.services import promote, register_model, roll_back
from labeling.models import Campaign, Labeler, ModelVersion, Prompt, Ranking, RankingTask, Submitter
from labeling.simulation.rules import rule_named
from labeling.simulation.services import open_simulated_campaign, rank_next, simulated_labelers
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task
from tests.labeling.handed_in import rank
from tests.tiny_models import make_tiny_model

pytestmark = pytest.mark.django_db


def ranks_next(labeler: Labeler) -> bool:
    return rank_next(labeler=labeler, score=rule_named("shorter"), noise=0, chance=random.Random(0))


def with_tasks(campaign: Campaign) -> None:
    for prompt in campaign.prompts.all():
        make_ready_task(prompt)


def test_simulated_labelers_take_no_task_of_people_and_people_none_of_theirs(alice: Labeler) -> None:
    campaign = make_campaign()
    make_ready_task(make_prompt(campaign))
    (robot,) = simulated_labelers(count=1)
    assert not ranks_next(robot)
    copy = open_simulated_campaign(slug=None)
    with_tasks(copy)
    assert ranks_next(robot)
    assert Ranking.objects.get().task.campaign == copy
    claimed = claim_ranking(labeler=alice)
    assert claimed is not None
    assert claimed.campaign == campaign
    rank(alice, [1, 2, 3, 4])
    assert claim_ranking(labeler=alice) is None


def test_the_rule_in_words_of_the_orm_says_the_same(alice: Labeler) -> None:
    (robot,) = simulated_labelers(count=1)
    of_people = make_ready_task(make_prompt(make_campaign()))
    of_robots = make_ready_task(make_prompt(make_campaign(simulated=True)))
    assert list(RankingTask.objects.claimable_by(alice)) == [of_people]
    assert list(RankingTask.objects.claimable_by(robot)) == [of_robots]


def test_the_copy_has_the_campaigns_prompts_and_counts_for_no_submitters_limit() -> None:
    campaign = make_campaign(ranking_tasks_per_prompt=2, demonstrations_per_prompt=1)
    prompt = make_prompt(campaign, submitter="carol")
    copy = open_simulated_campaign(slug=campaign.slug)
    copied = Prompt.objects.get(campaign=copy)
    assert (copied.messages, copied.submitter, copied.ranking_tasks_needed) == (prompt.messages, prompt.submitter, 2)
    assert copied.demonstrations_needed == 0
    assert Submitter.objects.get().prompt_count == 1
    make_prompt(campaign)
    assert open_simulated_campaign(slug=copy.slug) == copy
    assert open_simulated_campaign(slug=campaign.slug) == copy
    assert copy.prompts.count() == 2
    other = open_simulated_campaign(slug=make_campaign().slug)
    copy.refresh_from_db()
    assert (copy.state, other.state) == (CampaignState.PAUSED, CampaignState.ACTIVE)


def test_nothing_of_it_is_counted_beside_peoples_work(alice: Labeler) -> None:
    campaign = make_campaign()
    make_ready_task(make_prompt(campaign))
    before = pipeline()
    with_tasks(open_simulated_campaign(slug=None))
    (robot,) = simulated_labelers(count=1)
    assert ranks_next(robot)
    after = pipeline()
    assert (after.prompts, after.tasks) == (before.prompts, before.tasks)
    assert (after.rankings.total, after.rankings.simulated) == (0, 1)


def test_the_command_names_its_campaign_and_refuses_one_that_is_not_there(capsys: Any) -> None:
    campaign = make_campaign()
    with pytest.raises(CommandError, match="no campaign “elsewhere”"):
        call_command("simulate_labelers", rankings=1, campaign="elsewhere")
    with_tasks(open_simulated_campaign(slug=campaign.slug))
    make_prompt(campaign)
    copy = open_simulated_campaign(slug=campaign.slug)
    with_tasks(copy)
    call_command("simulate_labelers", rankings=1, campaign=campaign.slug)
    assert f"They rank in “{copy}” ({copy.slug})" in capsys.readouterr().out


@pytest.fixture
def versions(tmp_path: Path) -> list[ModelVersion]:
    return [
        register_model(
            kind=ModelKind.REWARD, name=name, path=make_tiny_model(tmp_path / name), simulated="simulated" in name
        )
        for name in ("reward-1-simulated", "reward-2")
    ]


def test_what_learned_from_them_becomes_current_only_when_asked_each_time(versions: list[ModelVersion]) -> None:
    simulated, real = versions
    with pytest.raises(ModelRefused, match="learned from simulated labelers"):
        promote(version=simulated, reason="better")
    promote(version=simulated, reason="a demo", simulated=True)
    promote(version=real, reason="better")
    with pytest.raises(ModelRefused, match="learned from simulated labelers"):
        roll_back(kind=ModelKind.REWARD, reward_model=real.reward_model)
    back = roll_back(kind=ModelKind.REWARD, reward_model=real.reward_model, simulated=True)
    assert back == simulated


def test_the_admin_asks_in_so_many_words(versions: list[ModelVersion]) -> None:
    simulated, _real = versions
    client, address = admin_browser(), reverse("admin:labeling_modelversion_promote", args=[simulated.pk])
    assert "Make it current though it learned from simulated labelers" in client.get(address).text
    assert client.post(address, {"reason": "better"}).status_code == 422
    client.post(address, {"reason": "a demo", "simulated": "on"})
    simulated.refresh_from_db()
    assert simulated.state == ModelState.CURRENT
    page = client.get(reverse("admin:labeling_modelversion_change", args=[simulated.pk])).text
    assert "It learned from simulated labelers" in page
    assert "Simulated labelers" in client.get(reverse("admin:labeling_modelversion_changelist")).text


def test_a_checkpoint_that_says_so_itself_is_marked_when_it_is_registered(tmp_path: Path) -> None:
    path = make_tiny_model(tmp_path / "from-elsewhere")
    (path / "metrics.json").write_text('{"snapshot": {"counts": {"train": {"rankings": 3, "simulated": 1}}}}')
    assert register_model(kind=ModelKind.REWARD, name="from-elsewhere", path=path).simulated
