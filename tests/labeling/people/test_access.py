"""Who gets in, and where: strangers, staff, people who are not admitted, and other people's work."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labeling.base.states import CampaignState, LabelerState
from labeling.desk.services.assignments import claim_ranking
from tests.labeling.cast import PASSWORD, browser_of, make_campaign, make_labeler, make_prompt, make_ready_task

pytestmark = pytest.mark.django_db


def test_a_stranger_logs_in_and_is_back_where_she_was() -> None:
    make_labeler("alice")
    client = Client()
    asked = client.get("/history/?page=2")
    assert asked["Location"] == "/login/?next=/history/%3Fpage%3D2"
    entered = client.post("/login/", {"username": "alice", "password": PASSWORD, "next": "/history/?page=2"})
    assert entered["Location"] == "/history/?page=2"


def test_a_wrong_password_is_said_in_words_and_the_name_stays() -> None:
    make_labeler("alice")
    page = Client().post("/login/", {"username": "alice", "password": "wrong"})
    assert "go together" in page.content.decode()
    assert 'value="alice"' in page.content.decode()


def test_nobody_is_sent_to_another_site_after_logging_in() -> None:
    make_labeler("alice")
    entered = Client().post("/login/", {"username": "alice", "password": PASSWORD, "next": "https://evil.example/"})
    assert entered["Location"] == "/"


@pytest.mark.parametrize("back", ["/login/", "/login/?next=/login/", "http://testserver/login/", "/logout/"])
def test_a_login_leads_neither_back_to_itself_nor_out_again(back: str, client: Client) -> None:
    make_labeler("bob")
    entered = Client().post("/login/", {"username": "bob", "password": PASSWORD, "next": back})
    assert entered["Location"] == "/"
    assert client.get("/login/", {"next": back})["Location"] == "/"  # Alice is logged in already


def test_logging_out_ends_at_the_login_page(client: Client) -> None:
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/")["Location"] == "/login/?next=/"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (LabelerState.INVITED, "once you have been admitted"),
        (LabelerState.SCREENING, "being screened"),
        (LabelerState.PRACTICE, "Nothing to practise right now"),
        (LabelerState.SUSPENDED, "account is paused"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/next/ranking/", "/next/demonstration/"])
def test_who_is_not_admitted_sees_a_page_of_ours_and_gets_no_work(state: LabelerState, words: str, path: str) -> None:
    make_ready_task(make_prompt(make_campaign()))
    dora = make_labeler("dora", state=state)
    client = browser_of(dora)
    page = client.get(path)
    assert page.status_code == 200
    assert words in page.content.decode()
    if path != "/":
        assert words in client.post(path).content.decode()
    assert not dora.assignments.exists()


def test_staff_without_a_labelers_profile_is_shown_the_way_to_the_admin() -> None:
    client = Client()
    client.force_login(User.objects.create_user("erin", is_staff=True))
    page = client.get("/")
    assert page.status_code == 200
    assert 'href="/admin/"' in page.content.decode()


def test_an_account_without_a_profile_is_told_whom_to_ask() -> None:
    client = Client()
    client.force_login(User.objects.create_user("frank"))
    text = client.get("/").content.decode()
    assert "nobody has made you a labeler yet" in text
    assert "/admin/" not in text


@pytest.mark.parametrize("path", ["", "submit/", "skip/", "resume/"])
def test_somebody_elses_work_does_not_exist_for_a_stranger(path: str) -> None:
    make_ready_task(make_prompt(make_campaign()))
    held = claim_ranking(labeler=make_labeler("alice"))
    assert held is not None
    charlie = browser_of(make_labeler("charlie"))
    address = f"/work/{held.token}/{path}"
    answer = charlie.get(address) if path == "" else charlie.post(address, {"skip_reason": "unclear"})
    assert answer.status_code == 404
    assert "nothing at this address" in answer.content.decode()
    held.refresh_from_db()
    assert held.state == "open"
    assert held.draft == {}


def test_somebody_elses_draft_and_submission_do_not_exist_either() -> None:
    make_ready_task(make_prompt(make_campaign()))
    held = claim_ranking(labeler=make_labeler("alice"))
    assert held is not None
    charlie = browser_of(make_labeler("charlie"))
    sent = charlie.put(f"/work/{held.token}/draft/", {"draft": {}, "base_version": 0}, "application/json")
    assert sent.status_code == 404
    assert charlie.get(f"/history/{held.token}/").status_code == 404
    assert charlie.get(f"/work/{uuid4()}/").status_code == 404


def test_a_session_that_ended_leads_back_to_the_work_and_not_to_the_button() -> None:
    token = uuid4()
    answer = Client().post(f"/work/{token}/submit/", {"1-rank": "1"})
    assert answer["Location"] == f"/login/?next=/work/{token}/"


def test_a_stale_safety_token_gets_a_page_that_says_what_to_do() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_labeler("alice").user)
    page = client.post("/next/ranking/")
    assert page.status_code == 403
    assert "Go back to your work and press it again" in page.content.decode()


def test_an_error_of_ours_gets_a_page_of_ours(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr("labeling.home.views.overview_of", fail)
    client.raise_request_exception = False
    page = client.get("/")
    assert page.status_code == 500
    assert "our fault" in page.content.decode()


def test_pages_are_not_kept_by_the_browser_for_the_way_back() -> None:
    assert "no-store" in browser_of(make_labeler("alice")).get("/")["Cache-Control"]


def test_instructions_are_for_labelers_once_the_campaign_is_open(client: Client) -> None:
    make_campaign(slug="open", instructions={"en": "## First\n\n<script>alert(1)</script> *Be kind.*"})
    make_campaign(slug="draft", state=CampaignState.DRAFT)
    page = client.get("/instructions/open/").content.decode()
    assert "<em>Be kind.</em>" in page
    assert "<script>alert" not in page
    assert client.get("/instructions/draft/").status_code == 404
    assert client.get("/instructions/nowhere/").status_code == 404
    assert Client().get("/instructions/open/")["Location"] == "/login/?next=/instructions/open/"
    staff = Client()
    staff.force_login(User.objects.create_superuser("erin"))
    assert staff.get("/instructions/draft/").status_code == 200


def test_every_page_forbids_what_comes_from_elsewhere_and_has_nothing_inline(client: Client) -> None:
    make_ready_task(make_prompt(make_campaign()))
    page = client.post("/next/ranking/", follow=True)
    assert page["Content-Security-Policy"].startswith("default-src 'self'")
    html = page.content.decode()
    assert "<style" not in html
    assert " style=" not in html
    assert "<script>" not in html
    assert "//" not in html.replace("http://www.w3.org", "").replace("<!doctype html>", "").split("<main")[0]
