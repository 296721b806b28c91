"""How a labeler reads is chosen once, and holds on every computer; so does the campaign whose work comes first."""

import re

import pytest
from django.test import Client

from labeling.desk.services.assignments import claim_ranking
from labeling.models import Campaign, Labeler
from labeling.people.rules import READING_CHOICES, READING_DEFAULTS
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt, make_ready_task

pytestmark = pytest.mark.django_db


def body_of(client: Client, path: str = "/preferences/") -> str:
    found = re.search(r"<body.*?>", client.get(path).content.decode(), re.DOTALL)
    assert found is not None
    return found[0]


def test_what_is_chosen_stands_on_every_page_and_what_was_chosen_before_stays(client: Client, alice: Labeler) -> None:
    assert client.post("/preferences/reading/", {"columns": "2"}).status_code == 204
    assert client.post("/preferences/reading/", {"text": "large"}).status_code == 204
    elsewhere = browser_of(alice)
    assert 'data-view-columns="2"' in body_of(elsewhere)
    assert 'data-view-text="large"' in body_of(elsewhere, "/")
    assert 'data-view-prompt=""' in body_of(elsewhere)


def test_without_scripts_the_preferences_take_the_whole(client: Client, alice: Labeler) -> None:
    answered = client.post("/preferences/reading/", {**READING_DEFAULTS, "cards": "rank", "whole": "1"})
    assert answered["Location"] == "/preferences/"
    alice.refresh_from_db()
    assert alice.reading == {**READING_DEFAULTS, "cards": "rank"}


def test_no_choice_that_there_is_not(client: Client, alice: Labeler) -> None:
    refused = client.post("/preferences/reading/", {"columns": "2", "text": "enormous"})
    assert refused.status_code == 400
    assert "enormous" in refused.json()["detail"]
    alice.refresh_from_db()
    assert alice.reading == {}


def test_each_choice_is_offered_in_words(client: Client, alice: Labeler) -> None:
    html = client.get("/preferences/").content.decode()
    for name, values in READING_CHOICES.items():
        for value in values:
            assert re.search(rf'name="{name}"\s+value="{value}"', html), (name, value)


def tasks_of(campaign: Campaign, count: int) -> None:
    for _ in range(count):
        make_ready_task(make_prompt(campaign))


def campaign_of_next(labeler: Labeler) -> str:
    held = claim_ranking(labeler=labeler)
    assert held is not None
    browser_of(labeler).post(f"/work/{held.token}/skip/", {"skip_reason": "unclear"})
    return str(held.campaign.name)


def test_a_labeler_chooses_whose_work_comes_first_and_goes_on_elsewhere_when_it_is_done(
    client: Client, alice: Labeler
) -> None:
    urgent = make_campaign(name="Urgent", priority=9)
    chosen = make_campaign(name="Chosen")
    tasks_of(urgent, 3)
    tasks_of(chosen, 2)
    assert "Give me this first" in client.get("/").content.decode()
    assert client.post("/campaign/first/", {"campaign": chosen.slug})["Location"] == "/"
    assert "Comes first. Let campaigns take turns" in client.get("/").content.decode()
    assert [campaign_of_next(alice) for _ in range(2)] == ["Chosen", "Chosen"]
    assert "Urgent" in client.post("/next/ranking/", follow=True).content.decode(), "the rest is not kept from her"


def test_the_choice_is_taken_back_and_is_of_campaigns_that_there_are(client: Client, alice: Labeler) -> None:
    tasks_of(make_campaign(name="Urgent", priority=9), 1)
    chosen = make_campaign(name="Chosen")
    tasks_of(chosen, 1)
    assert client.post("/campaign/first/", {"campaign": "nobodys"}).status_code == 404
    client.post("/campaign/first/", {"campaign": chosen.slug})
    client.post("/campaign/first/")
    assert campaign_of_next(alice) == "Urgent"


def test_instructions_that_say_the_same_are_read_once(alice: Labeler) -> None:
    make_campaign(name="One")
    other = make_campaign(name="Two", read=False)
    different = make_campaign(name="Three", read=False, instructions={"en": "Something else."})
    client = browser_of(alice)
    tasks_of(other, 1)
    page = client.post("/next/ranking/", follow=True)
    assert "data-ranking" in page.content.decode(), "she has read them, word for word"
    held = alice.assignments.get()
    client.post(f"/work/{held.token}/skip/", {"skip_reason": "unclear"})
    tasks_of(different, 1)
    assert "read-first" in client.post("/next/ranking/", follow=True).content.decode()
    bob = browser_of(make_bob())
    tasks_of(other, 1)
    assert "read-first" in bob.post("/next/ranking/", follow=True).content.decode(), "he has read none"


def make_bob() -> Labeler:
    bob = make_labeler("bob")
    bob.acknowledgements.all().delete()
    return bob


def test_the_page_says_until_when_the_work_is_held(client: Client, alice: Labeler) -> None:
    tasks_of(make_campaign(lease_minutes=30), 1)
    html = client.post("/next/ranking/", follow=True).content.decode()
    held = alice.assignments.get()
    assert f'datetime="{held.expires_at:%Y-%m-%dT%H:%M:%S}' in html
    assert 'data-held-until="30"' in html
