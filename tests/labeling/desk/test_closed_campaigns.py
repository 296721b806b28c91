"""A campaign that closes while people work: the next save says so, and they finish for as long as the admin says."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from labeling.base.states import AssignmentState, CampaignState, CompositionKind, CompositionState
from labeling.campaigns.services.campaigns import change_campaign_state
from labeling.desk.services.assignments import claim_ranking
from labeling.desk.services.leases import close_campaign, release_expired_leases, suspend_labeler
from labeling.models import Assignment, Campaign, Composition, EarlierDraft, Labeler, ThreadMessage
from labeling.people.views import throttling
from labeling.writing.services import start_composition
from tests.labeling.cast import browser_of, make_campaign, make_prompt, make_ready_task, ranking_form_data

pytestmark = pytest.mark.django_db

HOURS = timedelta(hours=2)
JSON = "application/json"


@pytest.fixture
def held(alice: Labeler) -> Assignment:
    make_ready_task(make_prompt(make_campaign(ask_dialogues=True)))
    claimed = claim_ranking(labeler=alice)
    assert claimed is not None
    return claimed


@pytest.fixture
def dialogue(held: Assignment, alice: Labeler) -> Composition:
    return start_composition(labeler=alice, campaign=held.campaign, kind=CompositionKind.DIALOGUE)


def save(client: Client, address: str, base_version: int = 0) -> Any:
    body = {"draft": {"1-note": ["So."], "1-text": ["So."]}, "base_version": base_version}
    answer = client.put(f"{address}draft/", body, "application/json")
    assert answer.status_code == 200
    return answer.json()


def after(campaign: Campaign) -> None:
    """The time that the admin gave is over."""
    past = timezone.now() - timedelta(seconds=1)
    Campaign.objects.filter(pk=campaign.pk).update(held_work_until=past)
    Assignment.objects.filter(campaign=campaign).update(expires_at=past)


@pytest.mark.parametrize("of", ["held", "dialogue"])
def test_the_next_save_says_that_it_takes_no_more_and_keeps_the_text(
    client: Client, held: Assignment, dialogue: Composition, of: str
) -> None:
    address = f"/work/{held.token}/" if of == "held" else f"/compose/{dialogue.token}/"
    assert save(client, address)["standing"] == ""
    close_campaign(campaign=held.campaign)
    answer = save(client, address, base_version=1)
    assert (answer["standing"], answer["until"]) == ("campaign_closed", None)
    assert "So." in client.get(address).content.decode()


def test_a_suspended_labeler_is_told_with_the_next_save(client: Client, held: Assignment, alice: Labeler) -> None:
    suspend_labeler(labeler=alice)
    assert save(client, f"/work/{held.token}/")["standing"] == "not_active"


def test_what_a_suspended_labeler_still_saves_is_bounded(
    client: Client, held: Assignment, alice: Labeler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "SAVES_WHILE_PAUSED", "3/hour")
    address = f"/work/{held.token}/draft/"
    for version in range(5):  # who is active is not held back
        assert client.put(address, {"draft": {"note": ["So."]}, "base_version": version}, JSON).status_code == 200

    suspend_labeler(labeler=alice)
    answers = [client.put(address, {"draft": {"note": [f"Kept {n}."]}, "base_version": 5 + n}, JSON) for n in range(2)]
    answers.append(client.post(address, {"draft": {"note": ["Aside."]}, "base_version": 5}, JSON))
    answers += [client.put(address, {"draft": {"note": ["Once more."]}, "base_version": 7}, JSON) for _ in range(2)]
    answers.append(client.post(address, {"draft": {"note": ["Once more."]}, "base_version": 5}, JSON))

    assert [answer.status_code for answer in answers] == [200, 200, 204, 429, 429, 429]
    assert answers[-1]["Retry-After"]
    held.refresh_from_db()
    assert held.draft == {"note": ["Kept 1."]}
    # Forms, which pages without scripts send, are counted together with what scripts save.
    for address in (f"/work/{held.token}/submit/", "/messages/write/"):
        refused = client.post(address, {"note": "Kept by form.", "text": "Written by form."})
        assert refused.status_code == 429
        assert "Written by form." in refused.content.decode()
    assert not ThreadMessage.objects.exists()
    held.refresh_from_db()
    assert held.draft == {"note": ["Kept 1."]}


class TestTheTimeToFinish:
    def test_is_said_and_what_is_held_is_handed_in(
        self, client: Client, held: Assignment, dialogue: Composition
    ) -> None:
        close_campaign(campaign=held.campaign, held_work_for=HOURS)
        assert release_expired_leases() == 0
        answer = save(client, f"/work/{held.token}/")
        assert answer["standing"] == "closing"
        assert answer["until"] > timezone.now().isoformat()
        page = client.get(f"/work/{held.token}/").content.decode()
        assert "was closed. What you hold of it is taken until:" in page
        assert "In progress" in client.get("/").content.decode()
        client.post(f"/work/{held.token}/submit/", ranking_form_data([1, 2, 3, 4]))
        held.refresh_from_db()
        assert held.state == AssignmentState.SUBMITTED
        turns = {"1-role": "user", "1-text": "Why?", "2-role": "assistant", "2-text": "So.", "language": "en"}
        client.post(f"/compose/{dialogue.token}/submit/", turns)
        dialogue.refresh_from_db()
        assert dialogue.state == CompositionState.SUBMITTED

    def test_nothing_new_is_handed_out_in_it(self, held: Assignment, bob: Labeler) -> None:
        make_ready_task(make_prompt(held.campaign))
        close_campaign(campaign=held.campaign, held_work_for=HOURS)
        assert claim_ranking(labeler=bob) is None

    def test_leases_end_with_it_however_often_they_are_renewed(self, client: Client, held: Assignment) -> None:
        until = timezone.now() + timedelta(minutes=5)
        close_campaign(campaign=held.campaign, held_work_for=timedelta(minutes=5))
        save(client, f"/work/{held.token}/")
        client.post(f"/work/{held.token}/hold/", {"at_work": "1"})
        client.post(f"/work/{held.token}/hold/")
        held.refresh_from_db()
        assert abs(held.expires_at - until) < timedelta(seconds=10)

    def test_after_it_the_work_goes_back_and_is_refused(
        self, client: Client, held: Assignment, dialogue: Composition
    ) -> None:
        close_campaign(campaign=held.campaign, held_work_for=HOURS)
        save(client, f"/work/{held.token}/")
        after(held.campaign)
        assert release_expired_leases() == 1
        assert save(client, f"/work/{held.token}/", base_version=1)["standing"] == "campaign_closed"
        assert client.post(f"/work/{held.token}/submit/", ranking_form_data([1, 2, 3, 4])).status_code == 410
        assert client.get(f"/compose/{dialogue.token}/").status_code == 410
        assert str(held.token) not in client.get("/").content.decode()

    def test_a_campaign_that_is_reopened_has_no_end(self, client: Client, held: Assignment) -> None:
        close_campaign(campaign=held.campaign, held_work_for=HOURS)
        held.campaign.refresh_from_db()
        change_campaign_state(campaign=held.campaign, state=CampaignState.PAUSED)
        assert save(client, f"/work/{held.token}/")["standing"] == ""


class TestWhatOnlyTheBrowserHas:
    def test_of_closed_work_goes_among_the_earlier_versions(self, client: Client, held: Assignment) -> None:
        way = f"/drafts/{held.token}/page/"
        assert client.get(way)["Location"] == f"/work/{held.token}/"
        close_campaign(campaign=held.campaign)
        page = client.get(way).content.decode()
        assert "This work was closed meanwhile" in page
        assert f'data-finished="{held.token}"' in page
        assert f'data-address="/work/{held.token}/draft/"' in page
        body = {"draft": {"note": ["Only here."]}, "base_version": 0}  # as unsent.js sends it
        assert client.post(f"/work/{held.token}/draft/", body, "application/json").status_code == 204
        assert EarlierDraft.objects.get().draft == {"note": ["Only here."]}
        assert "Only here." in client.get(f"/drafts/{held.token}/").content.decode()

    def test_of_submitted_work_too(self, client: Client, held: Assignment, bob: Labeler) -> None:
        client.post(f"/work/{held.token}/submit/", ranking_form_data([1, 2, 3, 4]))
        assert "data-finished" in client.get(f"/drafts/{held.token}/page/").content.decode()
        assert browser_of(bob).get(f"/drafts/{held.token}/page/").status_code == 404
