"""The pages of a labeler's own writing: begun from the start page, saved over the wire, thrown away."""

from typing import Any

import pytest
from django.test import Client

from labeling.base.states import CampaignState, CompositionKind
from labeling.models import Composition, Labeler
from labeling.writing.services import COMPOSITIONS, start_composition
from tests.labeling.cast import browser_of, make_campaign, make_labeler

pytestmark = pytest.mark.django_db


@pytest.fixture
def begun(alice: Labeler) -> Composition:
    campaign = make_campaign(ask_dialogues=True)
    return start_composition(labeler=alice, campaign=campaign, kind=CompositionKind.DIALOGUE)


def save(client: Client, begun: Composition, text: str, base_version: int = 0) -> Any:
    body = {"draft": {"1-text": [text]}, "base_version": base_version}
    return client.put(f"/compose/{begun.token}/draft/", body, "application/json")


def test_the_start_page_offers_what_campaigns_ask_for(client: Client) -> None:
    assert "Write something of your own" not in client.get("/").content.decode()
    make_campaign(ask_dialogues=True)
    make_campaign(ask_own_prompts=True)
    make_campaign(ask_chats=True, state=CampaignState.PAUSED)
    html = client.get("/").content.decode()
    assert "Write a dialogue" in html
    assert "Write your own prompt" in html
    assert "Chat with the model, then rank" not in html


def test_what_was_begun_is_there_to_continue(client: Client, begun: Composition) -> None:
    save(client, begun, "Where do <b>swifts</b> sleep?")
    html = client.get("/").content.decode()
    assert f'href="/compose/{begun.token}/"' in html
    assert "Where do &lt;b&gt;swifts&lt;/b&gt; sleep?" in html


def test_drafts_are_versioned_over_the_wire(client: Client, begun: Composition) -> None:
    answer = save(client, begun, "First tab.")
    assert answer.status_code == 200
    assert answer.json()["version"] == 1
    assert answer.json()["saved_at"]
    answer = save(client, begun, "Second tab.")
    assert (answer.status_code, answer.json()) == (409, {"version": 1, "draft": {"1-text": ["First tab."]}, "page": ""})


def test_what_was_thrown_away_takes_no_draft(client: Client, alice: Labeler, begun: Composition) -> None:
    COMPOSITIONS.discard(labeler=alice, token=str(begun.token))
    answer = save(client, begun, "Too late.")
    assert (answer.status_code, answer.json()) == (410, {"state": "discarded"})


def test_others_can_not_tell_that_it_exists(begun: Composition) -> None:
    bob = browser_of(make_labeler("bob"))
    assert save(bob, begun, "Mine.").status_code == 404
    assert bob.get(f"/compose/{begun.token}/").status_code == 404
    assert bob.post(f"/compose/{begun.token}/submit/").status_code == 404
    assert bob.post(f"/compose/{begun.token}/discard/").status_code == 404


def test_who_logs_in_again_comes_back_to_the_writing(begun: Composition) -> None:
    for address in (f"/compose/{begun.token}/", f"/compose/{begun.token}/submit/"):
        answer = Client().post(address) if address.endswith("submit/") else Client().get(address)
        assert answer["Location"].endswith(f"next=/compose/{begun.token}/")


def test_throwing_away_leads_back_to_the_start_page(client: Client, begun: Composition) -> None:
    save(client, begun, "Never mind.")
    answer = client.post(f"/compose/{begun.token}/discard/", follow=True)
    assert answer.redirect_chain == [("/", 302)]
    assert "Discarded." in answer.content.decode()
    assert "Never mind." not in answer.content.decode()


def test_no_kind_is_begun_that_does_not_exist(client: Client) -> None:
    campaign = make_campaign(ask_dialogues=True)
    assert client.post(f"/compose/start/{campaign.slug}/poem/").status_code == 404
    assert client.post("/compose/start/nowhere/dialogue/").status_code == 404
