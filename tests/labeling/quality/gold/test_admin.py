"""Gold items in the admin: made of any ranking in two clicks, edited, retired; and what came of them."""

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from labeling.base.states import CampaignStage, CheckKind, GoldState
from labeling.models import Campaign, Change, Check, GoldItem
from labeling.people.roles.rules import Role
from labeling.quality.gold.services.measuring import measure_handed_in
from labeling.ranking_tasks.services.tasks import copy_task
from tests.labeling.admin_cast import admin_browser
from tests.labeling.campaigns.test_admin import ADD, FORM_DATA
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank
from tests.labeling.quality.gold.test_checks import gold_of

pytestmark = pytest.mark.django_db


def test_a_ranking_becomes_gold_by_two_clicks() -> None:
    browser, alice = admin_browser(), make_labeler()
    make_ready_task(make_prompt(make_campaign(), text="Which tide is **higher**?"))
    ranking = rank(alice, [1, 2, 2, 3], flags=["hallucination"])
    page = browser.get(reverse("admin:labeling_ranking_change", args=[ranking.pk]))
    button = reverse("admin:labeling_ranking_make_gold", args=[ranking.pk])
    assert button in page.text  # the first click

    asked = browser.get(button)
    assert "Which tide is <strong>higher</strong>?" in asked.text
    form = asked.context["form"]
    sent = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    done = browser.post(button, sent, follow=True)  # the second, with nothing changed
    assert done.status_code == 200
    item = GoldItem.objects.get()
    version = item.versions.get()
    ids = sorted(item.task.completions.values_list("pk", flat=True))
    assert version.answer == {
        "tiers": [[ids[0]], ids[1:3], [ids[3]]], "flags": {str(pk): ["hallucination"] for pk in ids},
    }  # fmt: skip
    assert version.must_hold == [[ids[0], ids[3]]]
    assert str(version.made_by) == "olga"
    assert button not in browser.get(reverse("admin:labeling_ranking_change", args=[ranking.pk])).text
    assert Change.objects.filter(table_name="labeling_goldversion", actor="olga").count() == 1


def test_an_answer_under_which_everybody_passes_is_refused_with_all_that_was_typed() -> None:
    browser = admin_browser()
    task = make_ready_task(make_prompt(make_campaign()))
    button = reverse("admin:labeling_rankingtask_make_gold", args=[task.pk])
    ids = sorted(task.completions.values_list("pk", flat=True))
    sent = {f"rank_{pk}": "1" for pk in ids} | {"apart": "1", "reason": "All are equal."}
    refused = browser.post(button, sent)
    assert refused.status_code == 422
    assert "everybody would pass" in refused.text
    assert "All are equal." in refused.text
    assert GoldItem.objects.count() == 0
    browser.post(button, sent | {f"rank_{ids[0]}": "2"})
    assert GoldItem.objects.get().versions.get().answer["tiers"] == [ids[1:], [ids[0]]]


def test_single_pairs_that_must_hold_are_ticked_and_stand_ticked_when_the_answer_is_changed() -> None:
    browser = admin_browser()
    task = make_ready_task(make_prompt(make_campaign()))
    button = reverse("admin:labeling_rankingtask_make_gold", args=[task.pk])
    a, b, c, d = sorted(task.completions.values_list("pk", flat=True))
    sent = {f"rank_{a}": "1", f"rank_{b}": "3", f"rank_{c}": "2", f"rank_{d}": "3", "reason": "So."}
    nothing = browser.post(button, sent | {"apart": "ticked"})
    assert (nothing.status_code, "No pair is ticked" in nothing.text) == (422, True)
    tied = browser.post(button, sent | {"apart": "ticked", "pairs": [f"{a}-{b}", f"{b}-{d}"]})
    assert (tied.status_code, "B · D: of two with the same rank" in tied.text) == (422, True)
    assert GoldItem.objects.count() == 0

    browser.post(button, sent | {"apart": "ticked", "pairs": [f"{a}-{c}", f"{b}-{c}"]})
    item = GoldItem.objects.get()
    assert item.versions.get().must_hold == [[a, c], [c, b]], "the ranks say which of two is the better one"
    change = reverse("admin:labeling_golditem_change_answer", args=[item.pk])
    assert task.prompt.last_user_text() in browser.get(change).text
    form = browser.get(change).context["form"]
    assert (form["apart"].initial, form["pairs"].initial) == ("ticked", [f"{a}-{c}", f"{b}-{c}"])
    browser.post(change, sent | {"apart": "2", "pairs": [f"{b}-{c}"]})
    assert item.versions.get(version=2).must_hold == [[a, b], [a, d], [c, b]], "those two ranks apart, and the ticked"


def test_the_list_and_the_page_say_how_many_saw_it_and_how_many_passed() -> None:
    browser, campaign = admin_browser(), make_campaign(gold_feedback=True)
    item = gold_of(campaign, (1, 2, 3, 4), reason="So it is.")
    for name, ranks in (("alice", [1, 2, 3, 4]), ("bob", [4, 3, 2, 1])):
        labeler = make_labeler(name)
        copy = copy_task(task=item.task, labeler=labeler)
        Check.objects.create(labeler=labeler, task=copy, kind=CheckKind.GOLD, item=item)
        rank(labeler, ranks)
    measure_handed_in()
    listed = browser.get(reverse("admin:labeling_golditem_changelist")).text
    assert "1 / 2" in listed  # passed
    assert "6 / 12" in listed  # pairs
    page = reverse("admin:labeling_golditem_change", args=[item.pk])
    text = browser.get(page).text
    assert "2 rankings measured by it" in text
    assert "A &gt; B" in text

    change = reverse("admin:labeling_golditem_change_answer", args=[item.pk])
    form = browser.get(change).context["form"]
    sent = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    browser.post(change, sent | {"reason": "Because."})
    assert [each.reason for each in item.versions.order_by("version")] == ["So it is.", "Because."]
    assert item.versions.get(version=2).must_hold == item.versions.get(version=1).must_hold
    browser.post(reverse("admin:labeling_golditem_retire", args=[item.pk]))
    item.refresh_from_db()
    assert item.state == GoldState.RETIRED
    browser.post(reverse("admin:labeling_golditem_use_again", args=[item.pk]))
    item.refresh_from_db()
    assert item.state == GoldState.ACTIVE
    checks = browser.get(reverse("admin:labeling_check_changelist")).text
    assert "alice" in checks
    assert "6 / 6" in checks


def test_a_campaign_is_made_for_a_stage_and_keeps_it() -> None:
    browser = admin_browser()
    sent = FORM_DATA | {"slug": "practice", "stage": "practice"}
    refused = browser.post(ADD, sent | {"gold_percent": "31"})
    assert "less than or equal to 30" in refused.text
    assert not Campaign.objects.exists()
    browser.post(ADD, sent)
    campaign = Campaign.objects.get(slug="practice")
    assert (campaign.stage, campaign.gold_percent) == (CampaignStage.PRACTICE, 5)
    page = browser.get(reverse("admin:labeling_campaign_change", args=[campaign.pk])).text
    assert 'name="stage"' not in page
    assert "Practice" in page


def test_a_campaign_manager_sees_the_gold_of_their_campaigns_alone() -> None:
    own, other = gold_of(make_campaign()), gold_of(make_campaign())
    browser = admin_browser("labeling.view_golditem", "labeling.change_golditem")
    olga = User.objects.get(username="olga")
    olga.groups.add(Group.objects.get_or_create(name=Role.CAMPAIGN_MANAGER)[0])
    own.task.campaign.managers.add(olga)
    listed = browser.get(reverse("admin:labeling_golditem_changelist")).text
    pages = {item: reverse("admin:labeling_golditem_change", args=[item.pk]) for item in (own, other)}
    assert pages[own] in listed
    assert pages[other] not in listed
    assert browser.get(pages[own]).status_code == 200
    retire = reverse("admin:labeling_golditem_retire", args=[other.pk])
    assert browser.post(retire).status_code == 404
    assert GoldItem.objects.filter(state=GoldState.ACTIVE).count() == 2
