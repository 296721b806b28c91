"""The queue is kept by what each labeler can still be given, and says why where that is nothing."""

import pytest

from labeling.base.states import AssignmentKind, ContentWarning, LabelerState, SkipReason, TaskState
from labeling.desk.queries.available import available_by_campaign
from labeling.desk.queries.idle import Cause, labelers_without_work, stuck_in, waiting_queues, why_nothing
from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import claim_ranking, skip
from labeling.models import Campaign, Labeler, ModelVersion, RankingTask
from labeling.people.services import change_labeler_state
from labeling.ranking_tasks.services.sampling import one_source, sample_tasks
from labeling.ranking_tasks.services.tasks import top_up
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.scripted_sampler import ScriptedSampler

pytestmark = pytest.mark.django_db

VIOLENCE = ContentWarning.VIOLENCE


@pytest.fixture
def model() -> ModelVersion:
    return ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")


def fill(campaign: Campaign, model: ModelVersion) -> int:
    """Beat and a sampling worker."""
    made = top_up(campaign=campaign)
    for task_id in made:
        sample_tasks(task_ids=[task_id], sources=one_source(model, ScriptedSampler(*"abcdefghi")), resample_limit=0)
    assert not RankingTask.objects.filter(state=TaskState.SAMPLING).exists()
    return len(made)


def rank(labeler: Labeler) -> bool:
    held = claim_ranking(labeler=labeler)
    if held is None:
        return False
    judgements = [Judgement(shown_position=at, rank=at, quality=4) for at in range(1, len(held.shown_order) + 1)]
    submit_ranking(labeler=labeler, token=str(held.token), judgements=judgements, active_seconds=1)
    return True


def causes(labeler: Labeler, kind: AssignmentKind = AssignmentKind.RANKING) -> dict[str, int]:
    return {each.cause: each.count for each in why_nothing(labeler, kind)}


class TestWhatLiesAhead:
    def test_one_labeler_gets_every_prompt_though_each_task_waits_for_a_second_one(
        self, alice: Labeler, model: ModelVersion
    ) -> None:
        campaign = make_campaign(ready_minutes=6, rankings_per_task=2)
        for number in range(8):
            make_prompt(campaign, submitter=f"s{number}")
        ranked = 0
        for _ in range(8):
            fill(campaign, model)
            while rank(alice):
                ranked += 1
        assert ranked == 8
        assert causes(alice) == {Cause.MET: 8}

    def test_what_was_skipped_is_replaced(self, alice: Labeler, model: ModelVersion) -> None:
        campaign = make_campaign(ready_minutes=4)
        for _ in range(4):
            make_prompt(campaign)
        fill(campaign, model)
        for _ in range(2):
            held = claim_ranking(labeler=alice)
            assert held
            skip(labeler=alice, token=str(held.token), reason=SkipReason.UNCLEAR)
        assert fill(campaign, model) == 2
        assert available_by_campaign(alice, AssignmentKind.RANKING) == {campaign.pk: 2}

    def test_each_language_has_a_queue_of_its_own(self, model: ModelVersion) -> None:
        make_labeler("dora", languages=["zh"])
        campaign = make_campaign(ready_minutes=4)
        for _ in range(3):
            make_prompt(campaign)
        for _ in range(3):
            make_prompt(campaign, language="zh")
        assert fill(campaign, model) == 4
        assert sorted(RankingTask.objects.values_list("language", flat=True)) == ["en", "en", "zh", "zh"]
        assert top_up(campaign=campaign) == []

    def test_those_who_opted_out_have_other_tasks_ahead(self, alice: Labeler, model: ModelVersion) -> None:
        Labeler.objects.update(opt_outs=[VIOLENCE])
        campaign = make_campaign(ready_minutes=4)
        for _ in range(2):
            make_prompt(campaign, content_warnings=[VIOLENCE])
        for _ in range(3):
            make_prompt(campaign)
        assert fill(campaign, model) == 4
        assert available_by_campaign(Labeler.objects.get(), AssignmentKind.RANKING) == {campaign.pk: 2}

    def test_nothing_is_sampled_for_those_who_are_given_nothing(self, model: ModelVersion) -> None:
        campaign = make_campaign(ready_minutes=2, rankings_per_task=2)
        for number in range(3):
            make_prompt(campaign, submitter=f"s{number}")
        fill(campaign, model)
        grace = make_labeler("grace")
        assert rank(grace)
        change_labeler_state(labeler=grace, state=LabelerState.SUSPENDED)
        assert top_up(campaign=campaign) == []

    def test_another_campaign_counts_for_nothing(self, alice: Labeler, model: ModelVersion) -> None:
        full, empty = make_campaign(ready_minutes=4), make_campaign(ready_minutes=4)
        for _ in range(5):
            make_ready_task(make_prompt(full))
        make_prompt(empty)
        assert len(top_up(campaign=empty)) == 1
        assert top_up(campaign=full) == []


class TestWhyNothing:
    def test_what_comes_what_others_hold_and_what_was_met(
        self, alice: Labeler, bob: Labeler, model: ModelVersion
    ) -> None:
        campaign = make_campaign(rankings_per_task=2)
        make_ready_task(make_prompt(campaign))
        make_ready_task(make_prompt(campaign, language="fr"))
        assert rank(alice)
        make_prompt(campaign, submitter="another")
        assert causes(alice) == {Cause.TO_COME: 2, Cause.MET: 1, Cause.OTHER_LANGUAGE: 1}
        assert claim_ranking(labeler=bob)
        assert causes(alice)[Cause.HELD] == 1
        assert Cause.MET not in causes(alice)

    def test_no_model_and_no_campaign_are_said(self, alice: Labeler) -> None:
        assert causes(alice) == {Cause.NO_CAMPAIGN: 0}
        make_prompt(make_campaign())
        assert causes(alice) == {Cause.NO_MODEL: 1}

    def test_finished_work_is_said_to_be_finished(self, alice: Labeler) -> None:
        campaign = make_campaign(ranking_tasks_per_prompt=0)
        make_ready_task(make_prompt(campaign))
        assert rank(alice)
        assert causes(alice) == {Cause.DONE: 0}

    def test_the_page_tells_the_labeler(self, alice: Labeler, bob: Labeler) -> None:
        campaign = make_campaign(rankings_per_task=2, ranking_tasks_per_prompt=0)
        make_ready_task(make_prompt(campaign))
        make_ready_task(make_prompt(campaign, language="fr"))
        make_ready_task(make_prompt(campaign, content_warnings=[VIOLENCE]))
        Labeler.objects.filter(pk=alice.pk).update(opt_outs=[VIOLENCE])
        alice.refresh_from_db()
        assert rank(alice)
        page = browser_of(alice).get("/next/ranking/").content.decode()
        assert "1 task that you have done or skipped waits for others." in page
        assert "1 task waits in a language that your profile doesn&#x27;t name: French." in page
        assert "1 task holds content that you don&#x27;t want to see" in page
        chinese = browser_of(alice)
        chinese.cookies["django_language"] = "zh-hans"
        assert "法语" in chinese.get("/next/ranking/").content.decode()
        assert bob

    def test_work_that_nobody_may_take_is_known_with_the_reason(self, alice: Labeler) -> None:
        campaign = make_campaign(rankings_per_task=2, ranking_tasks_per_prompt=0, demonstrations_per_prompt=0)
        make_ready_task(make_prompt(campaign))
        assert stuck_in(waiting_queues()) == []
        assert not labelers_without_work()
        assert rank(alice)
        (stuck,) = stuck_in(waiting_queues())
        assert (stuck.campaign, stuck.kind) == (campaign, AssignmentKind.RANKING)
        assert [(each.cause, each.count) for each in stuck.hindrances] == [(Cause.MET, 1)]
        assert list(labelers_without_work()) == [alice]
        make_labeler("bob")
        assert stuck_in(waiting_queues()) == []
        change_labeler_state(labeler=Labeler.objects.get(user__username="bob"), state=LabelerState.SUSPENDED)
        assert len(stuck_in(waiting_queues())) == 1
