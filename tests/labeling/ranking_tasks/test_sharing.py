"""Some tasks are drawn to be ranked by several labelers, as many as make the share that the campaign asks for."""

import doctest

import pytest

from labeling.base.states import CampaignStage, LabelerState
from labeling.campaigns.models.campaigns import EVERYBODY
from labeling.models import RankingTask
from labeling.ranking_tasks import rules
from labeling.ranking_tasks.rules import drawn, share_of_tasks
from labeling.ranking_tasks.services.amounts import amounts_of, apply_to_existing
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task


def test_the_share_is_one_of_rankings_and_not_of_tasks() -> None:
    assert doctest.testmod(rules).failed == 0
    tasks = 100_000
    share = share_of_tasks(share=0.15, shared_rankings=3, other_rankings=1)
    shared = sum(drawn(f"shared/{number}/0") < share for number in range(tasks))
    assert shared * 3 / (shared * 3 + (tasks - shared)) == pytest.approx(0.15, abs=0.005)
    assert share_of_tasks(share=1, shared_rankings=3, other_rankings=1) == 1
    assert share_of_tasks(share=0.4, shared_rankings=2, other_rankings=2) == pytest.approx(0.4)


@pytest.mark.django_db
def test_a_shared_task_needs_no_more_rankings_than_there_are_labelers_for_it() -> None:
    for name in ("alice", "bob", "carol", "dan"):
        make_labeler(name, languages=["en"])
    make_labeler("erin", languages=["en", "de"])
    make_labeler("fritz", languages=["fr", "de"])
    make_labeler("gina", languages=["fr", "de"], state=LabelerState.SCREENING)
    campaign = make_campaign(shared_percent=100, languages=["en", "de", "fr"])
    needed = {}
    for language in ("en", "de", "fr"):
        task = make_ready_task(make_prompt(campaign, language=language))
        needed[language] = (task.rankings_needed, task.shared)
    # fritz is the only one in French: nobody could rank it after him.
    assert needed == {"en": (3, True), "de": (2, True), "fr": (1, False)}


@pytest.mark.django_db
def test_screening_and_practice_share_nothing_since_everybody_gets_all() -> None:
    make_labeler("alice")
    make_labeler("bob")
    campaign = make_campaign(shared_percent=100, stage=CampaignStage.PRACTICE, demonstrations_per_prompt=1)
    task = make_ready_task(make_prompt(campaign))
    assert (task.rankings_needed, task.shared) == (EVERYBODY, False)
    assert task.prompt.demonstrations_needed == EVERYBODY


@pytest.mark.django_db
def test_changing_the_numbers_reaches_shared_tasks_by_their_own_number() -> None:
    make_labeler("alice")
    make_labeler("bob")
    make_labeler("carol")
    campaign = make_campaign(shared_percent=100)
    shared = make_ready_task(make_prompt(campaign))
    campaign.shared_percent = 0
    campaign.save()
    other = make_ready_task(make_prompt(campaign))
    before = amounts_of(campaign)
    campaign.rankings_per_task, campaign.shared_rankings = 2, 5
    campaign.save()
    assert apply_to_existing(campaign=campaign, before=before).tasks == 2
    assert dict(RankingTask.objects.values_list("pk", "rankings_needed")) == {shared.pk: 5, other.pk: 2}
