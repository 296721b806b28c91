"""Simulated labelers work in campaigns of their own: nothing of what people do is used up, or offered to them."""

from collections import Counter, defaultdict
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from labeling.base.states import AssignmentKind, CampaignState, TaskState
from labeling.campaigns.services.campaigns import change_campaign_state
from labeling.desk.queries.available import available_by_campaign
from labeling.desk.queries.idle import stuck_in, waiting_queues
from labeling.desk.services.assignments import claim_ranking
from labeling.models import (
    Campaign,
    Completion,
    Demonstration,
    Labeler,
    ModelVersion,
    Prompt,
    Ranking,
    RankingTask,
)
from labeling.quality.bias.rules.near_copies import near_copy_of
from labeling.ranking_tasks.services.sampling import one_source, sample_tasks
from labeling.ranking_tasks.services.setting_aside import set_task_aside
from labeling.ranking_tasks.services.tasks import top_up
from labeling.simulation.rules.behaviours import Behaviour, planted_from
from labeling.simulation.rules.preferences import rule_named
from labeling.simulation.services import SimulatedLabeler, cast_of, rank_next, simulated_labelers, simulation_of
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
            sample_tasks(task_ids=[task_id], sources=one_source(model, ScriptedSampler(*"abcd")), resample_limit=0)
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


def test_planted_labelers_take_no_work_of_those_who_follow_the_rule(campaign: Campaign) -> None:
    by_rule = simulation_of(campaign, rankings=3)
    make_ready_task(make_prompt(by_rule, submitter="s7"))
    planted = simulation_of(campaign, rankings=3, planted=True)
    by_rule.refresh_from_db()
    assert (by_rule.slug, by_rule.state) == ("tea-simulated", CampaignState.PAUSED)
    assert (planted.slug, planted.state) == ("tea-planted", CampaignState.ACTIVE)
    (spammer,) = cast_of(count=0, usual=Behaviour(), planted=[planted_from("spammer")])
    assert not rank_next(who=spammer, score=rule_named("shorter"))
    assert simulation_of(campaign, rankings=1).state == CampaignState.ACTIVE
    assert rank_next(who=spammer, score=rule_named("shorter"))


def test_people_and_simulated_labelers_are_never_given_each_others_work(campaign: Campaign, alice: Labeler) -> None:
    (robot,) = simulated_labelers(count=1)
    assert claim_ranking(labeler=robot) is None
    simulation = make_campaign(simulated=True, name="Puppets")
    make_ready_task(make_prompt(simulation))
    RankingTask.objects.filter(campaign=campaign).update(rankings_needed=1, rankings_open=1)
    assert claim_ranking(labeler=alice) is None
    assert "Puppets" not in browser_of(alice).get("/").content.decode()
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


@pytest.fixture
def sampled(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command tops up is sampled at once."""
    model = ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")

    def send() -> None:
        unsampled = RankingTask.objects.filter(campaign__simulated=True, state=TaskState.SAMPLING)
        for pk in unsampled.values_list("pk", flat=True):
            texts = [f"{'long ' * number}answer to {pk}" for number in (19, 31, 45, 60)]
            sample_tasks(task_ids=[pk], sources=one_source(model, ScriptedSampler(*texts)), resample_limit=0)

    monkeypatch.setattr("labeling.management.commands.simulate_labelers.send_unsampled", send)


@pytest.mark.usefixtures("sampled")
def test_the_command_plants_labelers_in_a_campaign_apart_from_the_rule_followers(campaign: Campaign) -> None:
    """Four to a task, without noise: all say the same of the order, the lenient one rates higher, the copier copies."""
    before = counts(campaign)
    out = StringIO()
    call_command(
        "simulate_labelers", "--rankings", "12", "--demonstrations", "4", "--labelers", "2", "--noise", "0",
        "--plant", "lenient=1", "--plant", "copier=1", "--rankings-per-task", "4", "--patience", "0", stdout=out,
    )  # fmt: skip
    assert "Planted: lenient (1), copier (1)" in out.getvalue()
    assert "simulated-copier: marked for nothing (3 rankings are too few to tell)" in out.getvalue()
    assert counts(campaign) == before
    planted = Campaign.objects.get(slug="tea-planted")
    assert planted.simulated
    rankings = Ranking.objects.select_related("labeler__user", "task")
    assert {(ranking.task.campaign_id, ranking.simulated) for ranking in rankings} == {(planted.pk, True)}
    names = Counter(ranking.labeler.user.username for ranking in rankings)
    assert names == {f"simulated-{who}": 3 for who in ("1", "2", "lenient", "copier")}
    for ranking in rankings:
        said = list(ranking.ranked_completions.order_by("rank").values_list("completion__text", "quality"))
        assert [text.count("long") for text, _ in said] == [19, 31, 45, 60]  # the rule is: shorter
        is_lenient = ranking.labeler.user.username == "simulated-lenient"
        assert [quality for _, quality in said] == ([7, 6, 4, 2] if is_lenient else [7, 5, 3, 1])
    assert all(ranking.active_seconds > 0 for ranking in rankings)
    demonstrations = list(Demonstration.objects.select_related("prompt", "labeler__user"))
    assert [each.simulated for each in demonstrations] == [True] * 4
    for each in demonstrations:
        known = Completion.objects.filter(task__prompt=each.prompt).values_list("text", flat=True)
        assert each.labeler is not None
        is_copier = each.labeler.user.username == "simulated-copier"
        assert (near_copy_of(each.text, known) is not None) == is_copier
    assert not simulation_of(campaign, rankings=1).assignments.exists()


def test_a_copier_hands_in_what_came_first_though_shown_in_another_order() -> None:
    simulation = make_campaign(simulated=True, rankings_per_task=2)
    for number in range(4):
        make_ready_task(make_prompt(simulation, submitter=f"s{number}"))
    first, other = simulated_labelers(count=2)
    while rank_next(who=SimulatedLabeler(labeler=first, behaviour=Behaviour(spam=1.0)), score=rule_named("shorter")):
        pass
    while rank_next(who=SimulatedLabeler(labeler=other, behaviour=Behaviour(copying=1.0)), score=rule_named("longer")):
        pass
    said: defaultdict[int, list[dict[int, int]]] = defaultdict(list)
    for ranking in Ranking.objects.all():
        said[ranking.task_id].append(dict(ranking.ranked_completions.values_list("completion", "rank")))
    assert len(said) == 4
    assert all(original == copy for original, copy in said.values())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--plant", "liar"], "Nobody of the kind “liar” can be planted"),
        (["--plant", "spammer=7"], "a number from 0 to 1"),
        (["--noise", "0.7"], "must be from 0"),
        (["--labelers", "2", "--rankings-per-task", "3"], "with 2 labelers it must be from 1 to 2"),
        (["--rankings-per-task", "0"], "it must be from 1 to 3"),
        (["--demonstrations", "-1"], "must be 0 or more"),
    ],
)
def test_the_command_refuses_what_cannot_be_simulated(campaign: Campaign, options: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("simulate_labelers", "--campaign", campaign.slug, "--rankings", "1", *options)
    assert not Campaign.objects.filter(simulated=True).exists()


def test_a_task_that_is_set_aside_is_replaced(campaign: Campaign) -> None:
    simulation = simulation_of(campaign, rankings=3)
    for task_id in top_up(campaign=simulation):
        set_task_aside(task=RankingTask.objects.get(pk=task_id), reason="Only 3 distinct completions")
    assert work(simulation) >= 3
