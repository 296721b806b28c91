"""Whoever is screened or practises is given work of such campaigns alone, and what they do there is no label."""

from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from labeling.base.refusals import CampaignRefused, SnapshotRefused, WorkSetAside
from labeling.base.states import CampaignStage, CampaignState, LabelerState
from labeling.campaigns.services.campaigns import change_campaign, change_campaign_state
from labeling.console.queries.activity import throughput
from labeling.console.queries.figures import figures
from labeling.console.queries.pipeline import pipeline
from labeling.console.queries.work import work_of
from labeling.desk.queries.available import available_by_campaign
from labeling.desk.services.assignments import claim_demonstration, claim_ranking
from labeling.models import Campaign, Ranking, RankingTask
from labeling.people.services import change_labeler_state
from labeling.ranking_tasks.services.tasks import ask_for_another_ranking, copy_task, release_reservations, top_up
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.exports.test_left_out import export
from tests.labeling.handed_in import rank, write

pytestmark = pytest.mark.django_db

STAGES = {
    LabelerState.SCREENING: CampaignStage.SCREENING,
    LabelerState.PRACTICE: CampaignStage.PRACTICE,
    LabelerState.ACTIVE: CampaignStage.WORK,
}


def campaigns_of_all_stages() -> dict[CampaignStage, Campaign]:
    """Each has a prompt that wants a demonstration, and a task."""
    campaigns = {stage: make_campaign(stage=stage) for stage in CampaignStage}
    for campaign in campaigns.values():
        make_ready_task(make_prompt(campaign))
    return campaigns


@pytest.mark.parametrize("state", list(STAGES))
def test_labelers_are_given_the_work_of_their_stage_and_no_other(state: LabelerState) -> None:
    campaigns = campaigns_of_all_stages()
    alice = make_labeler(state=state)
    mine = campaigns[STAGES[state]]

    assert list(available_by_campaign(alice, "ranking")) == [mine.pk]  # type: ignore[arg-type]
    ranking, demonstration = claim_ranking(labeler=alice), claim_demonstration(labeler=alice)
    assert ranking is not None
    assert demonstration is not None
    assert {ranking.campaign_id, demonstration.campaign_id} == {mine.pk}
    page = browser_of(alice).get(reverse("overview")).content.decode()
    assert [each.name in page for each in campaigns.values()] == [each == mine for each in campaigns.values()]


@pytest.mark.parametrize("state", [LabelerState.INVITED, LabelerState.SUSPENDED])
def test_whoever_is_not_at_work_is_given_nothing(state: LabelerState) -> None:
    campaigns_of_all_stages()
    alice = make_labeler(state=state)
    assert available_by_campaign(alice, "ranking") == {}  # type: ignore[arg-type]
    with pytest.raises(Exception, match="is " + state):
        claim_ranking(labeler=alice)


def test_someone_in_screening_is_told_to_wait_only_while_there_is_nothing_for_them() -> None:
    alice = make_labeler(state=LabelerState.SCREENING)
    browser = browser_of(alice)
    assert "being screened" in browser.get(reverse("overview")).content.decode()
    campaign = make_campaign(stage=CampaignStage.SCREENING)
    make_ready_task(make_prompt(campaign))
    assert "being screened" not in browser.get(reverse("overview")).content.decode()
    change_campaign_state(campaign=campaign, state=CampaignState.PAUSED)
    assert "being screened" in browser.get(reverse("next_ranking")).content.decode()


def test_what_is_held_when_the_stage_ends_is_handed_in_all_the_same() -> None:
    campaigns_of_all_stages()
    alice = make_labeler(state=LabelerState.SCREENING)
    held = claim_ranking(labeler=alice)
    change_labeler_state(labeler=alice, state=LabelerState.PRACTICE)
    alice.refresh_from_db()
    assert claim_ranking(labeler=alice) == held
    assert rank(alice, [1, 2, 3, 4]).assignment == held
    next_held = claim_ranking(labeler=alice)
    assert next_held is not None
    assert next_held.campaign.stage == CampaignStage.PRACTICE


def test_tasks_are_made_ahead_for_labelers_of_the_stage() -> None:
    campaign = make_campaign(stage=CampaignStage.PRACTICE, ready_minutes=2)
    make_prompt(campaign, content_warnings=["violence"])
    make_prompt(campaign)
    assert len(top_up(campaign=campaign)) == 1  # for whoever comes next
    make_labeler("bob")  # is active, and works elsewhere
    assert top_up(campaign=campaign) == []
    alice = make_labeler(state=LabelerState.PRACTICE)
    alice.opt_outs = ["violence"]
    alice.save()
    assert len(top_up(campaign=campaign)) == 1


def test_screening_practice_and_copies_are_in_no_snapshot_and_no_count(tmp_path: Path) -> None:
    campaigns = campaigns_of_all_stages()
    kept = {}
    for state, stage in STAGES.items():
        labeler = make_labeler(f"labeler-{state}", state=state)
        kept[stage] = (rank(labeler, [1, 2, 3, 4]), write(labeler, "An answer."))
    ranking, assignment = kept[CampaignStage.WORK]
    copy = copy_task(task=ranking.task, labeler=make_labeler("bob"))
    again = rank(copy.reserved_for, [4, 3, 2, 1])  # type: ignore[arg-type]
    assert again.task == copy

    _, rankings, demonstrations = export(tmp_path / "snapshot")
    assert rankings == {ranking.pk}
    assert demonstrations == {assignment.demonstrations.get().pk}
    assert set(Ranking.objects.of_work()) == {ranking}
    every = Campaign.objects.in_bulk()
    work = work_of(shown=7, days=7)
    today = throughput(work, days=1, campaigns=every)[0]
    assert (today.rankings, today.demonstrations) == (1, 1)
    counts = pipeline(campaigns=every, figures=figures(), work=work)
    assert (counts.rankings.total, counts.tasks.done, counts.prompts.total, counts.prompts.done) == (1, 1, 1, 1)
    with pytest.raises(SnapshotRefused, match="is a campaign of screening"):
        export(tmp_path / "other", campaign=campaigns[CampaignStage.SCREENING].slug)


def test_a_copy_is_for_one_labeler_whatever_happens_to_it() -> None:
    make_ready_task(make_prompt(make_campaign()), texts=["One", "Two", "Three", "Four"])
    alice, bob, carol = make_labeler(), make_labeler("bob"), make_labeler("carol")
    task = rank(alice, [1, 2, 2, 3]).task
    copy = copy_task(task=task, labeler=bob)

    texts = "text", "text_key", "run"
    assert list(copy.completions.values_list(*texts)) == list(task.completions.values_list(*texts))
    assert (copy.prompt, copy.campaign, copy.k, copy.copy_of) == (task.prompt, task.campaign, 4, task)
    assert copy.prompt.ranking_tasks_made == 0  # the task came from a file; the copy adds none
    assert claim_ranking(labeler=carol) is None
    change_labeler_state(labeler=bob, state=LabelerState.SUSPENDED)
    assert release_reservations() == 0
    with pytest.raises(WorkSetAside, match=f"task {task.pk} instead"):
        ask_for_another_ranking(task=copy)
    with pytest.raises(IntegrityError), transaction.atomic():
        RankingTask.objects.filter(pk=copy.pk).update(reserved_for=None)
    assert claim_ranking(labeler=carol) is None


def test_the_stage_of_a_campaign_never_changes() -> None:
    campaign = make_campaign()
    with pytest.raises(CampaignRefused, match="stage"):
        change_campaign(campaign=campaign, stage=CampaignStage.PRACTICE)
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(stage=CampaignStage.PRACTICE)


def test_an_admin_leads_a_labeler_from_stage_to_stage() -> None:
    browser, alice = admin_browser(), make_labeler(state=LabelerState.INVITED)
    for button, state in (("to_screening", "screening"), ("to_practice", "practice"), ("admit", "active")):
        address = reverse(f"admin:labeling_labeler_{button}", args=[alice.pk])
        assert address in browser.get(reverse("admin:labeling_labeler_change", args=[alice.pk])).text
        browser.post(address)
        alice.refresh_from_db()
        assert alice.state == state
