"""Sessions: where one is logged in, ended by oneself and by an admin, on record in the trail."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone, translation

from labeling.models import AccountSession, Change, Labeler
from labeling.people.sessions.queries import device_in_words, open_sessions
from labeling.people.sessions.services import MARK, forget_old_sessions
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import PASSWORD

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Mobile/15E148 Safari/604.1"
)


def logged_in(name: str, agent: str = FIREFOX, address: str = "203.0.113.7") -> Client:
    client = Client(REMOTE_ADDR=address, headers={"User-Agent": agent})
    assert client.post("/login/", {"username": name, "password": PASSWORD}).status_code == 302
    return client


def test_devices_are_said_in_words() -> None:
    assert device_in_words(FIREFOX) == "Firefox on Windows"
    assert device_in_words(SAFARI) == "Mobile Safari on iOS"
    with translation.override("zh-hans"):
        assert device_in_words(FIREFOX) == "Windows 上的 Firefox"
    assert device_in_words("") == "Unknown"
    assert device_in_words("nightly import 3") == "A program: nightly import 3"


def test_one_sees_where_one_is_logged_in_and_ends_it_there(alice: Labeler, bob: Labeler) -> None:
    here, phone = logged_in("alice"), logged_in("alice", SAFARI, "198.51.100.2")
    logged_in("bob")
    page = here.get("/sessions/").text
    assert page.count('class="panel session"') == 2
    assert page.count("this device") == 1
    assert "Mobile Safari on iOS" in page
    assert "198.51.100.2" in page
    other = AccountSession.objects.get(address="198.51.100.2")
    here.post(f"/sessions/{other.pk}/end/")
    assert phone.get("/")["Location"].startswith("/login/")
    assert here.get("/").status_code == 200
    theirs = AccountSession.objects.get(user=bob.user)
    assert here.post(f"/sessions/{theirs.pk}/end/").status_code == 404
    assert open_sessions().filter(user=bob.user).exists()


def test_all_others_end_at_once_and_a_new_password_ends_them_too(alice: Labeler) -> None:
    here, others = logged_in("alice"), [logged_in("alice") for _ in range(2)]
    here.post("/sessions/end-others/")
    assert [each.get("/").status_code for each in others] == [302, 302]
    assert here.get("/").status_code == 200
    # The key of the session changes with the password; the list follows it.
    new = "seven wild geese 41"
    here.post("/password/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})
    row = open_sessions().get(user=alice.user)
    assert row.session_key == here.session.session_key
    here.post("/logout/")
    assert not open_sessions().filter(user=alice.user).exists()


def test_the_last_use_is_noted_every_five_minutes(alice: Labeler) -> None:
    here = logged_in("alice")
    AccountSession.objects.update(last_used_at=timezone.now() - timedelta(hours=1))
    here.get("/")
    assert AccountSession.objects.get().last_used_at < timezone.now() - timedelta(minutes=50)
    session = here.session
    session[MARK] |= {"used_at": 0.0}
    session.save()
    here.get("/")
    assert AccountSession.objects.get().last_used_at > timezone.now() - timedelta(minutes=1)


def test_an_admin_sees_and_ends_sessions(alice: Labeler) -> None:
    hers, again = logged_in("alice"), logged_in("alice")
    olga = admin_browser()
    listed = olga.get("/admin/labeling/accountsession/", {"q": "alice"}).text
    assert listed.count("Firefox on Windows") == 2
    row = AccountSession.objects.filter(user=alice.user).earliest("pk")
    olga.post(f"/admin/labeling/accountsession/{row.pk}/end/")
    assert (hers.get("/").status_code, again.get("/").status_code) == (302, 200)
    olga.post(f"/admin/auth/user/{alice.user_id}/log_out_everywhere/")
    assert again.get("/").status_code == 302
    ended = Change.objects.filter(table_name="labeling_accountsession", action="update", actor="olga")
    assert {change.row_name for change in ended} == {"alice"}


def test_log_ins_are_in_the_trail_without_addresses_and_old_sessions_are_forgotten(alice: Labeler) -> None:
    logged_in("alice")
    change = Change.objects.get(table_name="labeling_accountsession")
    assert (change.actor, change.action, change.row_name) == ("alice", "insert", "alice")
    assert "203.0.113.7" not in str(change.changes)
    Client().post("/login/", {"username": "no such name, my password", "password": "x"})
    Client().post("/login/", {"username": "alice", "password": "x"})
    failed = Change.objects.filter(table_name="axes_accessfailurelog")
    assert [each.row_name for each in failed] == ["alice"]
    forget_old_sessions(before=timezone.now() + timedelta(days=1))
    assert AccountSession.objects.count() == 1  # it is in use
    User.objects.get(username="alice").account_sessions.update(ended_at=timezone.now())
    forget_old_sessions(before=timezone.now() + timedelta(days=1))
    assert not AccountSession.objects.exists()
    assert not Change.objects.filter(table_name="labeling_accountsession", action="delete").exists()
