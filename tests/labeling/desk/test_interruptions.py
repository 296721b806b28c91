"""Whatever interrupts the work: a page says what happened, and what was entered is kept."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from labeling.base.states import AssignmentKind, AssignmentState, CampaignState
from labeling.campaigns.services.campaigns import change_campaign_state
from labeling.desk.services.assignments import claim_demonstration, claim_ranking
from labeling.desk.services.leases import close_campaign, release_expired_leases, suspend_labeler
from labeling.models import Assignment, Labeler, ModelVersion
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task, ranking_form_data
from tests.labeling.markup import compact

pytestmark = pytest.mark.django_db

KINDS = [AssignmentKind.RANKING, AssignmentKind.DEMONSTRATION]
FORM_DATA = ranking_form_data([1, 2, 3, 4], note="My note.") | {"text": "My note."}


def claim(labeler: Labeler, kind: AssignmentKind) -> Assignment:
    claimed = (claim_ranking if kind == AssignmentKind.RANKING else claim_demonstration)(labeler=labeler)
    assert claimed is not None
    return claimed


def hold(labeler: Labeler, kind: AssignmentKind = AssignmentKind.RANKING) -> Assignment:
    """New work of that kind, held by the labeler."""
    make_ready_task(make_prompt(make_campaign()))
    return claim(labeler, kind)


def let_lapse(held: Assignment) -> None:
    Assignment.objects.filter(pk=held.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    assert release_expired_leases() == 1


def labels_of(held: Assignment) -> int:
    return held.rankings.count() + held.demonstrations.count()


def is_kept(client: Client, held: Assignment) -> bool:
    held.refresh_from_db()
    return bool(held.draft.get("note") == held.draft.get("text") == ["My note."])


@pytest.mark.parametrize("kind", KINDS)
def test_handing_in_twice_leads_to_what_was_handed_in(client: Client, alice: Labeler, kind: AssignmentKind) -> None:
    held = hold(alice, kind)
    client.post(f"/work/{held.token}/submit/", FORM_DATA)
    again = client.post(f"/work/{held.token}/submit/", FORM_DATA, follow=True)
    assert again.redirect_chain == [(f"/history/{held.token}/", 302)]
    assert "submitted already" in again.content.decode()
    assert labels_of(held) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_old_page_of_work_that_was_handed_in_leads_to_the_submission(
    client: Client, alice: Labeler, kind: AssignmentKind
) -> None:
    held = hold(alice, kind)
    client.post(f"/work/{held.token}/submit/", FORM_DATA)
    assert client.get(f"/work/{held.token}/")["Location"] == f"/history/{held.token}/"
    assert client.post(f"/work/{held.token}/skip/", {"skip_reason": "unclear"})["Location"].startswith("/history/")
    assert client.post(f"/work/{held.token}/resume/")["Location"] == f"/work/{held.token}/"


@pytest.mark.parametrize("kind", KINDS)
def test_a_lease_that_ran_out_can_be_taken_up_again(client: Client, alice: Labeler, kind: AssignmentKind) -> None:
    held = hold(alice, kind)
    client.put(f"/work/{held.token}/draft/", {"draft": {"text": ["Begun."], "1-note": ["Begun."]}, "base_version": 0},
               "application/json")  # fmt: skip
    let_lapse(held)
    page = client.get(f"/work/{held.token}/")
    assert page.status_code == 200
    assert "Begun." in page.content.decode()
    assert f'action="/work/{held.token}/resume/"' in page.content.decode()
    assert "Started, not submitted" in client.get("/").content.decode()
    resumed = client.post(f"/work/{held.token}/resume/", follow=True)
    assert resumed.redirect_chain == [(f"/work/{held.token}/", 302)]
    assert "Begun." in resumed.content.decode()
    held.refresh_from_db()
    assert held.state == AssignmentState.OPEN


@pytest.mark.parametrize("kind", KINDS)
def test_work_whose_lease_ran_out_is_still_taken_while_its_place_is_free(
    client: Client, alice: Labeler, kind: AssignmentKind
) -> None:
    held = hold(alice, kind)
    let_lapse(held)
    answer = client.post(f"/work/{held.token}/submit/", FORM_DATA, follow=True)
    assert "saved · 1 today" in answer.content.decode()
    assert labels_of(held) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_work_that_somebody_else_took_over_is_kept_to_read(
    client: Client, alice: Labeler, kind: AssignmentKind, bob: Labeler
) -> None:
    held = hold(alice, kind)
    let_lapse(held)
    taken = claim(bob, kind)
    assert (taken.task_id, taken.prompt_id) == (held.task_id, held.prompt_id)
    page = client.post(f"/work/{held.token}/submit/", FORM_DATA)
    assert page.status_code == 409
    assert "somebody else took it" in page.content.decode()
    assert is_kept(client, held)
    assert "/resume/" not in client.get(f"/work/{held.token}/").content.decode()
    assert client.post(f"/work/{held.token}/resume/").status_code == 409
    assert labels_of(held) == 0


def test_earlier_work_waits_while_other_work_of_its_kind_is_held(client: Client, alice: Labeler) -> None:
    earlier = hold(alice)
    let_lapse(earlier)
    later = hold(alice)
    for page in (client.get(f"/work/{earlier.token}/"), client.post(f"/work/{earlier.token}/resume/")):
        html = page.content.decode()
        assert "Finish or skip it first" in html
        assert f'href="/work/{later.token}/"' in html


@pytest.mark.parametrize("kind", KINDS)
def test_a_campaign_that_closes_keeps_the_text(client: Client, alice: Labeler, kind: AssignmentKind) -> None:
    held = hold(alice, kind)
    close_campaign(campaign=held.campaign)
    page = client.post(f"/work/{held.token}/submit/", FORM_DATA)
    assert page.status_code == 410
    assert "campaign is closed" in page.content.decode()
    assert is_kept(client, held)
    assert client.get(f"/work/{held.token}/").status_code == 410
    assert client.post(f"/work/{held.token}/resume/").status_code == 410
    assert labels_of(held) == 0


def test_a_campaign_that_pauses_lets_held_work_be_finished(client: Client, alice: Labeler) -> None:
    held = hold(alice)
    change_campaign_state(campaign=held.campaign, state=CampaignState.PAUSED)
    assert client.get(f"/work/{held.token}/").status_code == 200
    client.post(f"/work/{held.token}/submit/", FORM_DATA)
    assert labels_of(held) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_labeler_suspended_in_the_middle_loses_nothing(client: Client, alice: Labeler, kind: AssignmentKind) -> None:
    held = hold(alice, kind)
    suspend_labeler(labeler=alice)
    page = client.post(f"/work/{held.token}/submit/", FORM_DATA)
    assert page.status_code == 409
    assert "account is paused" in page.content.decode()
    assert "My note." in page.content.decode() or kind == AssignmentKind.RANKING
    assert is_kept(client, held)
    assert "account is paused" in client.get(f"/work/{held.token}/").content.decode()
    assert client.post(f"/work/{held.token}/resume/").status_code == 409
    assert client.get("/history/").status_code == 200


@pytest.mark.parametrize("kind", KINDS)
def test_skipping_gives_the_work_back_for_good(client: Client, alice: Labeler, kind: AssignmentKind) -> None:
    held = hold(alice, kind)
    answer = client.post(f"/work/{held.token}/skip/", {"skip_reason": "no_expertise", "skip_note": "Law."}, follow=True)
    assert "Skipped." in answer.content.decode()
    held.refresh_from_db()
    assert (held.state, held.skip_reason, held.skip_note) == ("skipped", "no_expertise", "Law.")
    page = client.get(f"/work/{held.token}/")
    assert page.status_code == 410
    assert "You skipped this one" in page.content.decode()
    assert client.post(f"/work/{held.token}/submit/", FORM_DATA).status_code == 410
    assert client.post(f"/work/{held.token}/skip/", {"skip_reason": "unclear"}).status_code == 302
    held.refresh_from_db()
    assert held.skip_reason == "no_expertise"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reason", ["", "boring"])
def test_skipping_without_a_reason_is_refused_and_keeps_the_work(
    client: Client, alice: Labeler, kind: AssignmentKind, reason: str
) -> None:
    held = hold(alice, kind)
    page = client.post(f"/work/{held.token}/skip/", FORM_DATA | {"skip_reason": reason, "skip_note": "Hm."})
    html = page.content.decode()
    assert page.status_code == 422
    assert 'href="#skip"' in html
    assert "Hm." in html
    assert "My note." in html
    assert "Still without" not in html
    assert is_kept(client, held)
    assert held.state == AssignmentState.OPEN


@pytest.mark.parametrize("button", ["submit", "skip"])
def test_reloading_the_address_of_a_button_leads_back_to_the_work(client: Client, alice: Labeler, button: str) -> None:
    held = hold(alice)
    assert client.get(f"/work/{held.token}/{button}/")["Location"] == f"/work/{held.token}/"


def test_two_open_pages_of_one_labeler_are_one_piece_of_work(client: Client, alice: Labeler) -> None:
    campaign = make_campaign()
    for _ in range(2):
        make_ready_task(make_prompt(campaign))
    first, second = client.post("/next/ranking/"), client.post("/next/ranking/")
    assert first["Location"] == second["Location"]


def test_nothing_to_do_says_what_is_going_on(client: Client) -> None:
    answer = client.post("/next/ranking/", follow=True)
    assert answer.redirect_chain == [("/next/ranking/", 302)]
    assert "No campaign is open in your languages" in answer.content.decode()
    campaign = make_campaign(ready_minutes=6)
    assert "Everything in your languages is done" in client.get("/next/ranking/").content.decode()
    prompt = make_prompt(campaign)
    from labeling.ranking_tasks.services.tasks import make_task

    make_task(prompt=prompt, campaign=campaign)
    assert "no language model is set up" in client.get("/next/ranking/").content.decode()
    ModelVersion.objects.create(kind="sft", name="tiny", path="/tiny", state="current")
    assert "writing completions for 1 task." in client.get("/next/ranking/").content.decode()
    make_ready_task(make_prompt(campaign))
    html = client.get("/next/ranking/").content.decode()
    assert "1 task is ready." in html
    assert re.search(r"<button[^>]*data-ready", html)


def test_looking_claims_nothing(client: Client, alice: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign()))
    client.get("/next/ranking/")
    client.head("/next/ranking/")
    assert not alice.assignments.exists()


def test_the_overview_says_what_there_is_and_what_is_held(client: Client, alice: Labeler) -> None:
    campaign = make_campaign(name="Everyday", description="Questions of every day.")
    for number in range(3):
        make_ready_task(make_prompt(campaign, text=f"{number} is a number?"))
    make_ready_task(make_prompt(make_campaign(), language="de"))
    html = compact(client.get("/").content.decode())
    assert 'data-available="ranking">3<' in html
    assert 'data-available="demonstration">3<' in html
    assert "Questions of every day." in html
    client.post("/next/ranking/")
    html = compact(client.get("/").content.decode())
    assert 'data-available="ranking">2<' in html
    assert "Continue ranking" in html
    held = alice.assignments.get()
    client.post(f"/work/{held.token}/submit/", FORM_DATA)
    html = compact(client.get("/").content.decode())
    assert 'data-done-today="ranking">1<' in html
