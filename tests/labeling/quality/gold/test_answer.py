"""The right answer beside one's own: in practice always, in real work where the campaign says so, to nobody else."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.base.states import CampaignStage, CheckKind, LabelerState
from labeling.desk.services.assignments import claim_ranking
from labeling.models import Assignment, Campaign, Check, GoldItem, Labeler
from labeling.ranking_tasks.services.tasks import copy_task
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.quality.gold.test_checks import gold_of

pytestmark = pytest.mark.django_db


def given(campaign: Campaign, labeler: Labeler, **said: Any) -> GoldItem:
    item = gold_of(campaign, (1, 2, 2, 3), **said)
    if campaign.stage == CampaignStage.WORK:
        copy = copy_task(task=item.task, labeler=labeler)
        Check.objects.create(labeler=labeler, task=copy, kind=CheckKind.GOLD, item=item)
    return item


def handed_in(
    browser: Client, labeler: Labeler, *, ranks: list[int], flags: dict[int, str] | None = None
) -> tuple[Assignment, str]:
    """Ranks by the order of completion ids, sent over the page; where it leads."""
    held = claim_ranking(labeler=labeler)
    assert held is not None
    place = {pk: at for at, pk in enumerate(held.shown_order, start=1)}
    data = {"active_seconds": "9"}
    for pk, rank in zip(sorted(place), ranks, strict=True):
        data |= {f"{place[pk]}-rank": str(rank), f"{place[pk]}-quality": "4"}
        if flags and rank in flags:
            data |= {f"{place[pk]}-flags": flags[rank]}
    answer = browser.post(reverse("work_submit", args=[held.token]), data)
    return held, answer["Location"]


def test_in_practice_the_answer_and_its_reason_come_at_once_in_both_languages() -> None:
    campaign = make_campaign(stage=CampaignStage.PRACTICE)
    alice = make_labeler(state=LabelerState.PRACTICE)
    item = given(campaign, alice, reason="The **first** one answers.", apart=2)
    make_ready_task(make_prompt(campaign))  # not gold: nothing is shown of it
    browser = browser_of(alice)

    held, to = handed_in(browser, alice, ranks=[2, 1, 1, 3], flags={3: "hallucination"})
    assert held.task == item.task
    assert to == reverse("answer", args=[held.token])
    page = browser.get(to)
    text = page.text
    # Five pairs have an order; the first is below both of the second tier, and only first and last are two apart.
    assert "You put 3 of 5 pairs in the right order." in text
    assert "You passed." in text
    assert "<strong>first</strong>" in text
    letter = {pk: "ABCD"[at] for at, pk in enumerate(held.shown_order)}
    ids = sorted(held.shown_order)
    for worse in ids[1:3]:
        assert f"{letter[ids[0]]} is better than {letter[worse]}; you put them the other way round." in text
    assert "This one decides." not in text
    assert "Hallucination" in text  # which the answer has not
    chinese = browser.get(to, headers={"accept-language": "zh-hans"})
    assert "5 对中，你排对了 3 对。" in chinese.text
    assert "这一对" not in chinese.text

    _, to = handed_in(browser, alice, ranks=[1, 2, 3, 4])
    assert to == reverse("overview")


def test_a_tie_of_two_that_must_hold_fails_and_is_said() -> None:
    campaign = make_campaign(stage=CampaignStage.PRACTICE)
    alice = make_labeler(state=LabelerState.PRACTICE)
    given(campaign, alice, apart=2)
    browser = browser_of(alice)
    held, to = handed_in(browser, alice, ranks=[1, 1, 1, 1])
    text = browser.get(to).text
    letter = {pk: "ABCD"[at] for at, pk in enumerate(held.shown_order)}
    ids = sorted(held.shown_order)
    assert "Not quite: look at what differs." in text
    assert f"{letter[ids[0]]} is better than {letter[ids[3]]}; you put them equal." in text
    assert text.count("This one decides.") == 1
    assert Check.objects.get().passed is False


@pytest.mark.parametrize("shows", [True, False])
def test_in_real_work_the_campaign_says_whether_the_answer_is_shown(shows: bool) -> None:
    campaign, alice, bob = make_campaign(gold_feedback=shows), make_labeler(), make_labeler("bob")
    given(campaign, alice)
    browser = browser_of(alice)
    held, to = handed_in(browser, alice, ranks=[1, 2, 2, 3])
    address = reverse("answer", args=[held.token])
    assert to == (address if shows else reverse("overview"))
    assert browser.get(address).status_code == (200 if shows else 404)
    assert browser_of(bob).get(address).status_code == 404
    assert Client().get(address).status_code == 302  # to the login page


def test_in_screening_nothing_is_shown() -> None:
    campaign = make_campaign(stage=CampaignStage.SCREENING, gold_feedback=True)
    alice = make_labeler(state=LabelerState.SCREENING)
    given(campaign, alice)
    browser = browser_of(alice)
    held, to = handed_in(browser, alice, ranks=[1, 2, 2, 3])
    assert to == reverse("overview")
    assert browser.get(reverse("answer", args=[held.token])).status_code == 404
