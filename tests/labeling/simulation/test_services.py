"""Simulated labelers work in campaigns of their own: nothing of what people do is used up, or offered to them."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from labeling.base.states import AssignmentKind, CampaignState
from labeling.campaigns.services.campaigns import change_campaign_state
from labeling.desk.queries.available import available_by_campaign
from labeling.desk.queries.idle import stuck_in, waiting_queues
from labeling.desk.services.assignments import claim_ranking
from labeling.models import Campaign, Labeler, ModelVersion, Prompt, Ranking, RankingTask
from labeling.ranking_tasks.services.sampling import sample_tasks
from labeling.ranking_tasks.services.setting_aside import set_task_aside
from labeling.ranking_tasks.services.tasks import top_up
from labeling.simulation.rules.preferences import rule_named
from labeling.simulation.services import SimulatedLabeler, rank_next, simulated_labelers, simulation_of
from tests.labeling.cast import browser_of, make_campaign, make_prompt, make_ready_task
from tests.labeling.scripted_sampler import ScriptedSampler

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign() -> Campaign:
    """Of people, with two tasks ready and three prompts."""
    campaign = make_campaign(slug="tea", k_min=4, k_max=4)
    for number in range(2):
        make_ready_task(make_prompt(campaign, submitter=f"s{number}"))
    make_prompt(campaign, submitter="s2", language="fr")
    return campaign


def counts(campaign: Campaign) -> list[tuple[int, ...]]:
    tasks = RankingTask.objects.filter(campaign=campaign).order_by("pk")
    prompts = Prompt.objects.filter(campaign=campaign).order_by("pk")
    return [
        *tasks.values_list("rankings_open", "rankings_done"),
        *prompts.values_list("ranking_tasks_made", "demonstrations_open"),
    ]


def work(simulation: Campaign) -> int:
    """Sampled and ranked until nothing is left. Returns how many rankings."""
    model = ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")
    (labeler,) = simulated_labelers(count=1)
    ranked = 0
    while made := top_up(campaign=simulation):
        for task_id in made:
            sample_tasks(task_ids=[task_id], model=model, sampler=ScriptedSampler(*"abcd"), resample_limit=0)
        while rank_next(who=SimulatedLabeler(labeler=labeler), score=rule_named("shorter")):
            ranked += 1
    return ranked


def test_they_rank_copies_of_its_prompts_and_leave_the_campaign_as_it_is(campaign: Campaign, alice: Labeler) -> None:
    before = counts(campaign)
    simulation = simulation_of(campaign, rankings=7)
    assert work(simulation) >= 7
    assert counts(campaign) == before
    assert available_by_campaign(alice, AssignmentKind.RANKING) == {campaign.pk: 2}
    assert {ranking.task.campaign for ranking in Ranking.objects.all()} == {simulation}
    assert all(ranking.simulated for ranking in Ranking.objects.all())
    copies = simulation.prompts.order_by("submitter__name").values_list("submitter__name", "language", "messages")
    assert list(copies) == list(
        campaign.prompts.order_by("submitter__name").values_list("submitter__name", "language", "messages")
    )


def test_a_second_time_the_same_simulation_goes_on(campaign: Campaign) -> None:
    simulation = simulation_of(campaign, rankings=3)
    change_campaign_state(campaign=simulation, state=CampaignState.CLOSED)
    make_prompt(campaign, submitter="s9")
    again = simulation_of(campaign, rankings=4)
    assert (again.pk, again.state, again.prompts.count()) == (simulation.pk, CampaignState.ACTIVE, 4)
    assert work(again) >= 7


def test_people_and_simulated_labelers_are_never_given_each_others_work(campaign: Campaign, alice: Labeler) -> None:
    (robot,) = simulated_labelers(count=1)
    assert claim_ranking(labeler=robot) is None
    simulation = make_campaign(simulated=True, name="Play")
    make_ready_task(make_prompt(simulation))
    RankingTask.objects.filter(campaign=campaign).update(rankings_needed=1, rankings_open=1)
    assert claim_ranking(labeler=alice) is None
    assert "Play" not in browser_of(alice).get("/").content.decode()
    assert [stuck.campaign for stuck in stuck_in(waiting_queues()) if stuck.campaign == simulation] == []
    claimed = claim_ranking(labeler=robot)
    assert claimed is not None
    assert claimed.campaign == simulation


def test_the_command_says_whose_prompts_it_takes(campaign: Campaign) -> None:
    call = ("simulate_labelers", "--rankings", "1", "--patience", "0")
    out = StringIO()
    with pytest.raises(CommandError, match="nothing became ready"):
        call_command(*call, stdout=out)
    assert "“Campaign" in out.getvalue()
    assert "(tea-simulated)" in out.getvalue()
    make_prompt(make_campaign(slug="coffee"))
    with pytest.raises(
        CommandError, match="Say by --campaign whose prompts are to be ranked; the campaigns are: coffee, tea"
    ):
        call_command(*call)
    with pytest.raises(CommandError, match="There is no campaign “milk”; the campaigns are: coffee, tea"):
        call_command(*call, "--campaign", "milk")
    with pytest.raises(CommandError, match="has no prompts"):
        call_command(*call, "--campaign", make_campaign().slug)


def test_a_task_that_is_set_aside_is_replaced(campaign: Campaign) -> None:
    simulation = simulation_of(campaign, rankings=3)
    for task_id in top_up(campaign=simulation):
        set_task_aside(task=RankingTask.objects.get(pk=task_id), reason="Only 3 distinct completions")
    assert work(simulation) >= 3
