"""Screening: what a candidate does is held against gold and graded without their name, and an admin decides on it."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from labeling.base.refusals import CampaignRefused, ScreeningRefused
from labeling.base.states import CampaignStage, LabelerState, ScreeningOutcome, SensitiveTopic
from labeling.desk.demonstrating.services import fields_of_demonstration, revise_demonstration
from labeling.desk.services.assignments import ASSIGNMENTS, claim_ranking
from labeling.desk.services.leases import release_expired_leases
from labeling.desk.services.revisions import start_revision
from labeling.models import Assignment, Candidate, Demonstration, Grade, Labeler, ScreeningDecision, SelfAssessment
from labeling.onboarding.path.queries import Step, path_of
from labeling.onboarding.screening.queries.candidates import is_through
from labeling.onboarding.screening.queries.evidence import evidence_of
from labeling.onboarding.screening.services import (
    assess_oneself,
    decide,
    forget_assessments_of_closed_accounts,
    grade_demonstration,
    number_candidates,
)
from labeling.onboarding.stages.services import change_stage_settings
from labeling.people.roles.rules import Role
from labeling.people.roles.services import make_roles, set_roles
from labeling.quality.gold.services.items import retire_gold
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt
from tests.labeling.handed_in import rank, write
from tests.labeling.onboarding.screened import gold_in, make_candidate, make_stage, ranks_all

pytestmark = pytest.mark.django_db


def reviewer(name: str = "rita") -> User:
    make_roles()
    user = User.objects.create_user(name, password="x")
    set_roles(user=user, roles=frozenset({Role.REVIEWER}))
    return user


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def screen(candidate: Candidate) -> Demonstration:
    """Two items, one of them with a wrong pair of six, and a demonstration."""
    campaign = make_stage(CampaignStage.SCREENING, items=2, flags=["hallucination"])
    make_prompt(campaign, demonstrations_needed=1, ranking_tasks_needed=0, text="Explain tides.")
    alice = candidate.labeler
    assess_oneself(labeler=alice, topics=[SensitiveTopic.POLITICS], groups="Hakka, Tagalog", note="")
    ranks_all(alice, [1, 2, 3, 4], [1, 2, 4, 3])
    return write(alice, "The moon pulls the water.").demonstrations.get()


def test_the_evidence_says_what_is_reached_and_what_is_not() -> None:
    alice = make_candidate().labeler
    demonstration = screen(alice.candidate)
    grade_demonstration(demonstration=demonstration, reviewer=reviewer(), grade=7)
    grade_demonstration(demonstration=demonstration, reviewer=reviewer("remy"), grade=4, note="Too short.")
    found = evidence_of(alice, interface_language="en")
    # 6 + 5 of 12 pairs; two flags are right and none was set; (7 + 4) / 2
    assert found.pairs.value == pytest.approx(100 * 11 / 12)
    assert (found.pairs.of, found.pairs.passed) == (12, True)
    assert (found.flags.value, found.flags.of, found.flags.passed) == (0, 2, False)
    assert (found.grade.value, found.grade.cutoff, found.grade.passed) == (5.5, 6, False)
    assert [item.passed for item in found.items] == [True, False]
    assert [(text.right_rank, text.own_rank) for text in found.items[1].texts] == [(1, 1), (2, 2), (3, 4), (4, 3)]
    assert found.items[0].texts[3].right_flags == ["Hallucination"]
    assert found.is_complete
    assert is_through(alice)


def test_without_data_it_says_so_and_never_0_or_100() -> None:
    alice = make_candidate().labeler
    make_stage(CampaignStage.SCREENING, items=1)
    found = evidence_of(alice, interface_language="en")
    assert [(each.value, each.passed) for each in (found.pairs, found.flags, found.grade)] == [(None, None)] * 3
    assert not found.is_complete
    page = admin_browser().get(reverse("admin:labeling_candidate_change", args=[alice.candidate.pk])).text
    assert page.count("not enough data") == 3


def test_cutoffs_are_settings_of_the_campaign_and_the_strictest_holds() -> None:
    alice = make_candidate().labeler
    first = make_stage(CampaignStage.SCREENING, items=1)
    second = make_stage(CampaignStage.SCREENING, items=1)
    with pytest.raises(CampaignRefused, match="real work"):
        change_stage_settings(campaign=make_campaign(), pairs_percent=50)
    admin = admin_browser()
    sent = {"pairs_percent": 90, "flags_percent": 60, "grade": "5.5"}
    assert admin.post(reverse("admin:labeling_campaign_cutoffs", args=[first.pk]), sent).status_code == 302
    assert (
        admin.post(reverse("admin:labeling_campaign_cutoffs", args=[second.pk]), sent | {"grade": 8}).status_code == 422
    )
    ranks_all(alice, [1, 2, 3, 4], [2, 1, 3, 4])
    found = evidence_of(alice, interface_language="en")
    assert (found.pairs.cutoff, found.flags.cutoff, found.grade.cutoff) == (90, 75, 6)  # the second has the defaults
    assert found.pairs.passed  # 11 of 12


def test_the_page_of_a_candidate_is_under_a_number_until_it_is_decided() -> None:
    candidate = make_candidate("annabelle")
    screen(candidate)
    olga = admin_browser()
    page = reverse("admin:labeling_candidate_change", args=[candidate.pk])
    for address in (page, reverse("admin:labeling_candidate_changelist")):
        answer = olga.get(address)
        assert str(candidate.number) in answer.text
        assert "annabelle" not in answer.text
    shown = olga.get(page).text
    assert "Hakka, Tagalog" in shown
    assert "The moon pulls the water." in shown
    asked = olga.get(reverse("admin:labeling_candidate_admit", args=[candidate.pk])).text
    assert "1 demonstration has no grade yet" in asked
    assert "No campaign of practice is open" in asked
    said = {"text": "Well done."}
    assert olga.post(reverse("admin:labeling_candidate_admit", args=[candidate.pk]), said).status_code == 302
    labeler = Labeler.objects.get()
    assert labeler.state == LabelerState.PRACTICE
    decision = ScreeningDecision.objects.get()
    assert (decision.outcome, decision.by, decision.text) == (
        "admitted",
        User.objects.get(username="olga"),
        "Well done.",
    )
    assert decision.evidence["pairs"] == {"value": 91.67, "cutoff": 75, "of": 12}
    assert "annabelle" in olga.get(page).text
    again = olga.post(reverse("admin:labeling_candidate_refuse", args=[candidate.pk]))
    assert again.status_code == 422
    assert "no longer in screening" in again.text
    assert Labeler.objects.get().state == LabelerState.PRACTICE


def test_whoever_is_refused_reads_it_said_kindly_and_gets_nothing() -> None:
    candidate = make_candidate()
    make_stage(CampaignStage.SCREENING, items=2)
    ranks_all(candidate.labeler, [4, 3, 2, 1])
    held = claim_ranking(labeler=candidate.labeler)
    assert held is not None
    decide(candidate=candidate, outcome=ScreeningOutcome.REFUSED, text="Please read more slowly.", by=reviewer())
    candidate.labeler.refresh_from_db()
    assert candidate.labeler.state == LabelerState.SUSPENDED
    page = browser_of(candidate.labeler).get("/").text
    assert "Thank you for taking part" in page
    assert "Please read more slowly." in page
    held.refresh_from_db()
    assert held.state == "lapsed"


def test_asking_for_more_needs_more_to_do_and_shows_the_words_beside_it() -> None:
    candidate = make_candidate()
    campaign = make_stage(CampaignStage.SCREENING, items=1)
    alice = candidate.labeler
    assess_oneself(labeler=alice, topics=[], groups="", note="")
    ranks_all(alice, [1, 2, 3, 4])
    assert path_of(alice).now == Step.DECISION
    rita = reviewer()
    with pytest.raises(ScreeningRefused, match="Add items"):
        decide(candidate=candidate, outcome=ScreeningOutcome.MORE, text="Two more.", by=rita)
    gold_in(campaign)
    decide(candidate=candidate, outcome=ScreeningOutcome.MORE, text="Two more.", by=rita)
    assert path_of(alice).now == Step.SCREENING
    assert "Two more." in browser_of(alice).get(reverse("path")).text
    ranks_all(alice, [1, 2, 3, 4])
    assert path_of(alice).now == Step.DECISION


def test_an_item_retired_in_the_middle_is_asked_no_more_and_what_was_measured_stays() -> None:
    candidate = make_candidate()
    make_stage(CampaignStage.SCREENING, items=2)
    alice = candidate.labeler
    ranks_all(alice, [2, 1, 3, 4])
    done, left = (check.item for check in alice.checks.all()), None
    for item in done:
        assert item is not None
        retire_gold(item=item)
    found = evidence_of(alice, interface_language="en")
    assert (found.pairs.of, found.items[0].retired) == (6, True)
    # The other one is held when it is retired: it may be finished.
    held = claim_ranking(labeler=alice)
    assert held is not None
    assert held.task is not None
    left = held.task.gold_item
    retire_gold(item=left)
    bob = make_candidate("bob").labeler
    assert claim_ranking(labeler=bob) is None
    rank(alice, [1, 2, 3, 4])
    assert claim_ranking(labeler=alice) is None
    assert path_of(alice).rankings.left == 0


def test_a_candidate_who_leaves_and_comes_back_goes_on_where_they_were() -> None:
    candidate = make_candidate()
    make_stage(CampaignStage.SCREENING, items=2)
    alice = candidate.labeler
    ranks_all(alice, [1, 2, 3, 4])
    held = claim_ranking(labeler=alice)
    assert held is not None
    ASSIGNMENTS.save_draft(labeler=alice, token=str(held.token), draft={"note": ["half"]}, base_version=0)
    Assignment.objects.filter(pk=held.pk).update(expires_at=held.claimed_at)
    release_expired_leases()
    path = path_of(alice)
    assert (path.rankings.done, path.rankings.left) == (1, 1)
    # It is taken up again from the path, with its draft.
    page = browser_of(alice).get(reverse("path"))
    assert "Go on with what you began" in page.text
    assert reverse("work", args=[held.token]) in page.text
    held.refresh_from_db()
    assert held.draft == {"note": ["half"]}


def test_reviewers_grade_without_seeing_the_author_and_never_their_own() -> None:
    candidate = make_candidate("annabelle")
    demonstration = screen(candidate)
    rita = reviewer()
    client = browser(rita)
    first = client.get(reverse("grading"))
    assert first["Location"] == reverse("grading_demonstration", args=[demonstration.pk])
    page = client.get(first["Location"])
    assert "The moon pulls the water." in page.text
    assert "Explain tides." in page.text
    assert "annabelle" not in page.text
    assert f"L{candidate.labeler_id}<" not in page.text
    wrong = client.post(first["Location"], {"grade": "8", "note": "hm"})
    assert (wrong.status_code, "from 1 (worst) to 7" in wrong.text, "hm" in wrong.text) == (422, True, True)
    client.post(first["Location"], {"grade": "3"})
    client.post(first["Location"], {"grade": "6", "note": "better at second sight"})
    assert list(Grade.objects.values_list("grade", "note")) == [(6, "better at second sight")]
    assert "Nothing to grade" in client.get(reverse("grading")).text
    # The author, were they a reviewer as well:
    set_roles(user=candidate.labeler.user, roles=frozenset({Role.REVIEWER}))
    own = browser(User.objects.get(username="annabelle"))
    assert "Nothing to grade" in own.get(reverse("grading")).text
    assert own.post(first["Location"], {"grade": "7"}).status_code == 404
    with pytest.raises(ScreeningRefused, match="your own"):
        grade_demonstration(demonstration=demonstration, reviewer=candidate.labeler.user, grade=7)


def test_labelers_and_strangers_grade_nothing() -> None:
    demonstration = screen(make_candidate())
    address = reverse("grading_demonstration", args=[demonstration.pk])
    assert browser_of(make_labeler("bob")).get(address).status_code == 403
    assert Client().get(address)["Location"].startswith("/login/")


def test_a_revised_demonstration_is_graded_anew() -> None:
    candidate = make_candidate()
    demonstration = screen(candidate)
    rita = reviewer()
    grade_demonstration(demonstration=demonstration, reviewer=rita, grade=2)
    alice = candidate.labeler
    assert demonstration.assignment is not None
    token = start_revision(
        labeler=alice, token=str(demonstration.assignment.token), fields_of=fields_of_demonstration
    ).token
    revise_demonstration(labeler=alice, token=str(token), text="The moon, and the sun.", active_seconds=9)
    found = evidence_of(alice, interface_language="en")
    assert (found.grade.of, found.ungraded) == (0, 1)
    with pytest.raises(ScreeningRefused, match="revised meanwhile"):
        grade_demonstration(demonstration=demonstration, reviewer=rita, grade=7)
    assert browser(rita).get(reverse("grading")).status_code == 302


def test_the_self_assessment_is_kept_changed_and_goes_with_the_account() -> None:
    alice = make_candidate().labeler
    client = browser_of(alice)
    sent = {"topics": ["hate", "religion"], "groups": "Nairobi", "note": ""}
    assert client.post(reverse("about_you"), sent)["Location"] == reverse("path")
    client.post(reverse("about_you"), sent | {"topics": ["hate"]})
    page = client.get(reverse("about_you")).text
    assert page.count("checked") == 1
    assert "Nairobi" in page
    refused = client.post(reverse("about_you"), {"topics": ["hate", "nonsense"], "groups": "Still here"})
    assert (refused.status_code, "Still here" in refused.text) == (422, True)
    assert SelfAssessment.objects.get().topics == ["hate"]
    alice.user.is_active = False
    alice.user.save()
    forget_assessments_of_closed_accounts()
    assert not SelfAssessment.objects.exists()


def test_whoever_comes_into_screening_by_another_door_gets_a_number_too() -> None:
    make_labeler("bob", state=LabelerState.SCREENING)
    make_labeler("carol")
    assert (number_candidates(), number_candidates()) == (1, 0)
    assert Candidate.objects.get().labeler.user.username == "bob"
