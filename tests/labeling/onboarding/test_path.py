"""The way in, on one page: which steps there are, what is done and what comes, up to the first real task."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from labeling.base.states import CampaignStage, LabelerState, ScreeningOutcome
from labeling.models import Candidate, Labeler
from labeling.onboarding.path.queries import Step, path_of
from labeling.onboarding.screening.services import assess_oneself, decide
from labeling.onboarding.stages.rules import Pairs, agreement_of_last
from labeling.onboarding.stages.services import change_stage_settings, end_every_practice
from labeling.people.services import change_labeler_state
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank
from tests.labeling.onboarding.screened import gold_in, make_candidate, make_stage, ranks_all

pytestmark = pytest.mark.django_db


def now(labeler: Labeler) -> Step | None:
    labeler.refresh_from_db()
    return path_of(labeler).now


def test_from_the_account_to_the_first_task_step_by_step() -> None:
    alice = make_candidate().labeler
    screening = make_stage(CampaignStage.SCREENING, items=1, read=False)
    practice = make_stage(CampaignStage.PRACTICE, items=2, read=False, instructions={"en": "Practise."})
    change_stage_settings(campaign=practice, practice_items=2, practice_percent=75)
    make_ready_task(make_prompt(make_campaign(read=False, instructions={"en": "Work."})))
    client = browser_of(alice)
    assert now(alice) == Step.ABOUT_YOU
    assess_oneself(labeler=alice, topics=[], groups="", note="")
    assert now(alice) == Step.INSTRUCTIONS
    page = client.get(reverse("instructions", args=[screening.slug]), {"back": "/path/"})
    assert "I have read this" in page.text
    read = client.post(reverse("acknowledge", args=[page.context["page"].pk]), {"back": "/path/"})
    assert read["Location"] == "/path/"
    assert "I have read this" not in client.get(reverse("instructions", args=[screening.slug])).text
    assert now(alice) == Step.SCREENING
    ranks_all(alice, [1, 2, 3, 4])
    assert now(alice) == Step.DECISION
    assert "A person looks at your answers now" in client.get(reverse("path")).text

    olga = User.objects.create_user("olga")
    decide(candidate=Candidate.objects.get(), outcome=ScreeningOutcome.ADMITTED, text="", by=olga)
    assert now(alice) == Step.INSTRUCTIONS  # of practice
    ranks_all(alice, [4, 3, 2, 1])
    assert (end_every_practice(), now(alice) in (Step.INSTRUCTIONS, Step.PRACTICE)) == (0, True)
    ranks_all(alice, [1, 2, 3, 4])
    assert end_every_practice() == 0  # 6 of 12 pairs
    gold_in(practice)
    ranks_all(alice, [1, 2, 3, 4])
    assert end_every_practice() == 1  # the last two: 12 of 12
    alice.refresh_from_db()
    assert alice.state == LabelerState.ACTIVE
    assert now(alice) == Step.WORK
    rank(alice, [1, 2, 3, 4])
    assert now(alice) is None
    assert client.get(reverse("path")).text.count("path-done") == 7


def test_practice_that_runs_out_waits_for_a_person_who_may_end_it() -> None:
    make_stage(CampaignStage.PRACTICE, items=1)
    alice = make_labeler(state=LabelerState.PRACTICE)
    ranks_all(alice, [1, 2, 3, 4])
    assert end_every_practice() == 0  # 20 are asked for
    page = browser_of(alice).get(reverse("path")).text
    assert "You have ranked all that there is to practise" in page
    assert "6 of 6 pairs in the right order" in page
    assert reverse("answer", args=[alice.assignments.get().token]) in page
    change_labeler_state(labeler=alice, state=LabelerState.ACTIVE)
    assert now(alice) == Step.WORK


def test_whoever_practises_once_more_is_not_let_out_by_what_they_did_then() -> None:
    practice = make_stage(CampaignStage.PRACTICE, items=1)
    change_stage_settings(campaign=practice, practice_items=1)
    alice = make_labeler(state=LabelerState.PRACTICE)
    ranks_all(alice, [1, 2, 3, 4])
    assert end_every_practice() == 1
    change_labeler_state(labeler=alice, state=LabelerState.PRACTICE)
    gold_in(practice)
    assert end_every_practice() == 0
    assert now(alice) == Step.PRACTICE
    ranks_all(alice, [1, 2, 3, 4])
    assert end_every_practice() == 1


def test_only_the_last_items_count_and_fewer_are_not_enough_data() -> None:
    good, bad = Pairs(pairs=6, held=6), Pairs(pairs=6, held=0)
    assert agreement_of_last([good, good, bad], items=2) == 100
    assert agreement_of_last([good, good], items=3) is None
    assert agreement_of_last([Pairs(pairs=0, held=0)], items=1) is None


@pytest.mark.parametrize(
    ("state", "steps"),
    [
        (LabelerState.INVITED, 7),
        (LabelerState.SCREENING, 7),
        (LabelerState.PRACTICE, 4),
        (LabelerState.ACTIVE, 3),
        (LabelerState.SUSPENDED, 4),
    ],
)
def test_everybody_finds_their_own_steps_in_both_languages(state: LabelerState, steps: int) -> None:
    alice = make_labeler(state=state)
    client = browser_of(alice)
    for language, word in (("en", "Your way in"), ("zh-hans", "加入流程")):
        page = client.get(reverse("path"), headers={"accept-language": language})
        assert page.status_code == 200
        assert len(page.context["steps"]) == steps
        assert word in page.text


def test_the_overview_says_where_whoever_is_screened_stands() -> None:
    make_stage(CampaignStage.SCREENING, items=2)
    alice = make_candidate().labeler
    assess_oneself(labeler=alice, topics=[], groups="", note="")
    page = browser_of(alice).get("/")
    assert "0 of 2 rankings" in page.text
    assert 'class="path-line"' not in browser_of(make_labeler("bob")).get("/").text
