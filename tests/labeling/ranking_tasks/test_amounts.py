"""A campaign's numbers that change: what exists asks for them too, or keeps its own, as the admin says."""

from typing import Any

import pytest

from labeling.base.states import TaskState
from labeling.campaigns.services.campaigns import change_campaign
from labeling.desk.demonstrating.services import submit_demonstration
from labeling.desk.ranking.services import Judgement, submit_ranking
from labeling.desk.services.assignments import claim_demonstration, claim_ranking
from labeling.models import Campaign, Labeler, Prompt, RankingTask
from labeling.ranking_tasks.services.amounts import amounts_of, apply_to_existing
from labeling.ranking_tasks.services.setting_aside import set_prompt_aside
from labeling.ranking_tasks.services.tasks import ask_for_another_ranking
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task

pytestmark = pytest.mark.django_db


def rank(labeler: Labeler) -> bool:
    held = claim_ranking(labeler=labeler)
    if held is None:
        return False
    judgements = [Judgement(shown_position=at, rank=at, quality=4) for at in range(1, 5)]
    submit_ranking(labeler=labeler, token=str(held.token), judgements=judgements, active_seconds=1)
    return True


def change(campaign: Campaign, **numbers: Any) -> tuple[int, int]:
    campaign.refresh_from_db()
    before = amounts_of(campaign)
    change_campaign(campaign=campaign, **numbers)
    applied = apply_to_existing(campaign=campaign, before=before)
    return applied.prompts, applied.tasks


def test_more_rankings_reopen_what_was_done(alice: Labeler, bob: Labeler) -> None:
    campaign = make_campaign()
    done, waiting = (make_ready_task(make_prompt(campaign)) for _ in range(2))
    assert rank(alice)
    done.refresh_from_db()
    assert done.state == TaskState.DONE
    assert change(campaign, rankings_per_task=2) == (0, 2)
    assert rank(bob)
    assert rank(bob)
    assert not rank(bob)
    assert rank(alice)
    assert set(RankingTask.objects.values_list("state", "rankings_done")) == {("done", 2)}
    assert waiting


def test_fewer_rankings_finish_what_has_enough_and_take_nothing_from_whoever_holds_one(
    alice: Labeler, bob: Labeler
) -> None:
    campaign = make_campaign(rankings_per_task=3)
    enough = make_ready_task(make_prompt(campaign))
    assert rank(alice)
    held = make_ready_task(make_prompt(campaign))
    assert rank(bob)  # `enough` again
    for labeler in (alice, bob):
        assert claim_ranking(labeler=labeler)
    assert change(campaign, rankings_per_task=1) == (0, 2)
    enough.refresh_from_db()
    held.refresh_from_db()
    assert (enough.state, enough.rankings_needed) == (TaskState.DONE, 2)
    assert (held.state, held.rankings_needed) == (TaskState.READY, 2)


def test_what_somebody_had_a_reason_for_stays(alice: Labeler) -> None:
    campaign = make_campaign()
    doubtful, aside = (make_ready_task(make_prompt(campaign)) for _ in range(2))
    assert rank(alice)
    assert rank(alice)
    ask_for_another_ranking(task=doubtful)
    set_prompt_aside(prompt=aside.prompt, reason="of the test")
    assert change(campaign, rankings_per_task=2) == (0, 0)
    doubtful.refresh_from_db()
    aside.refresh_from_db()
    assert (doubtful.rankings_needed, aside.rankings_needed) == (2, 1)


def test_demonstrations_and_sets_are_asked_for_too(alice: Labeler, bob: Labeler) -> None:
    campaign = make_campaign()
    make_prompt(campaign)
    make_prompt(campaign, author=alice, demonstrations_needed=0, submitter="L1")
    held = claim_demonstration(labeler=alice)
    assert held
    submit_demonstration(labeler=alice, token=str(held.token), text="Because.", active_seconds=1)
    assert claim_demonstration(labeler=bob) is None
    assert change(campaign, demonstrations_per_prompt=2, ranking_tasks_per_prompt=3) == (2, 0)
    assert sorted(Prompt.objects.values_list("demonstrations_needed", "ranking_tasks_needed")) == [(0, 3), (2, 3)]
    assert claim_demonstration(labeler=bob)
    assert change(campaign, demonstrations_per_prompt=1, ranking_tasks_per_prompt=0) == (2, 0)
    assert sorted(Prompt.objects.values_list("demonstrations_needed", "ranking_tasks_needed")) == [(0, 0), (2, 0)]
