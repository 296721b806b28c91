"""Labelers never see what a reward model thinks: not on a page, not in its source, not over any address of theirs."""

from pathlib import Path

import pytest

from labeling.desk.services.assignments import claim_ranking
from labeling.models import Labeler, RewardScore
from labeling.rewards.services.rewards import score_ahead
from tests.imports import graph_at_import, imports_of, modules_of, reached_at_import
from tests.labeling.cast import browser_of, make_campaign, make_prompt, make_ready_task
from tests.labeling.scripted_rewarder import ScriptedRewarder, current_reward_model

ROOT = Path(__file__).resolve().parents[3]
REWARDS = {"labeling.rewards.queries", "labeling.rewards.services.rewards", "labeling.worker_models"}
CAPABILITIES_OF_LABELERS = ("people", "campaigns", "ranking_tasks", "desk", "writing", "home")
TEXTS = ["One answer.", "Another answer.", "A third answer.", "The last answer."]


@pytest.mark.django_db
def test_no_reward_is_in_any_page_that_a_labeler_gets(alice: Labeler) -> None:
    """Rewards of 7.6543 and so on: digits that no page has for any other reason."""
    campaign = make_campaign()
    for _ in range(2):
        make_ready_task(make_prompt(campaign), texts=TEXTS)
    rewarder = ScriptedRewarder({text: 7.6543 + number for number, text in enumerate(TEXTS)})
    model = current_reward_model()
    score_ahead(model=model, load=lambda: rewarder, limit=100, somebody_waits=lambda: False)
    assert RewardScore.objects.count() == 8
    browser = browser_of(alice)
    held = claim_ranking(labeler=alice)
    assert held is not None
    work = browser.get(f"/work/{held.token}/")
    form_data = {"active_seconds": "12.5"} | {f"{position}-rank": str(position) for position in range(1, 5)}
    form_data |= {f"{position}-quality": "4" for position in range(1, 5)}
    handed_in = browser.post(f"/work/{held.token}/submit/", form_data, follow=True)
    pages = [work, handed_in, *(browser.get(at) for at in ("/", "/history/", f"/history/{held.token}/", "/day/"))]
    for page in pages:
        assert page.status_code == 200
        assert ".6543" not in page.text
        assert model.name not in page.text
        assert "reward" not in page.text.lower()
    assert "One answer." in work.text


def test_no_page_of_a_labeler_can_reach_rewards_at_all() -> None:
    graph = graph_at_import(imports_of(modules_of(ROOT, ("labeling",))))
    modules = [
        module
        for module in modules_of(ROOT, ("labeling",))
        if "views" in (parts := module.split(".")) and parts[1] in CAPABILITIES_OF_LABELERS
    ]
    assert len(modules) > 10
    for module in modules:
        assert not reached_at_import([module], graph) & REWARDS, module
