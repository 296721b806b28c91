"""Wrong passwords: slowed down by name and by address, logged with the address, seen in the admin."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from labeling.models import FailedLogin
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import PASSWORD, make_labeler

pytestmark = pytest.mark.django_db


def try_to(name: str, password: str, *, address: str = "203.0.113.7") -> int:
    sent = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post("/login/", sent).status_code


def test_after_five_wrong_passwords_a_name_waits_from_every_address(caplog: pytest.LogCaptureFixture) -> None:
    make_labeler("alice")
    make_labeler("bob")
    statuses = [try_to("alice", f"wrong{number}") for number in range(6)]
    assert statuses == [200, 200, 200, 200, 429, 429]
    assert try_to("alice", PASSWORD, address="198.51.100.1") == 429  # not even with the right one
    assert try_to("bob", PASSWORD) == 302
    said = " ".join(record.getMessage() for record in caplog.records)
    assert "203.0.113.7" in said
    assert "alice" in said
    assert "wrong0" not in said


def test_the_page_says_how_long_and_what_to_do() -> None:
    make_labeler("alice")
    for _ in range(5):
        page = Client().post("/login/", {"username": "alice", "password": "wrong"})
    assert page["Retry-After"] == "300"
    assert "5 minutes" in page.text
    assert "Ask whoever gave you this account" in page.text


def test_one_password_tried_on_many_names_is_stopped_by_the_address(settings: Settings) -> None:
    settings.LOGIN_TRIES_PER_ADDRESS = 10
    make_labeler("bob")
    assert [try_to(f"name{number}", "123456") for number in range(10)] == [200] * 9 + [429]
    assert try_to("bob", PASSWORD) == 429
    assert try_to("bob", PASSWORD, address="198.51.100.1") == 302


def test_logging_in_forgives_the_name_and_not_what_was_tried_of_others(settings: Settings) -> None:
    settings.LOGIN_TRIES_PER_ADDRESS = 10
    for name in ("alice", "mallory"):
        make_labeler(name)
    for _ in range(4):
        try_to("alice", "wrong")
        try_to("mallory", "wrong")
    assert try_to("mallory", PASSWORD) == 302
    assert [try_to("mallory", "wrong") for _ in range(2)] == [200, 200]
    assert try_to("alice", "wrong") == 429


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(settings: Settings) -> None:
    settings.BEHIND_PROXY = True
    for forged in ("1.1.1.1", "2.2.2.2"):
        client = Client(REMOTE_ADDR="10.0.0.1", headers={"x-forwarded-for": f"{forged}, 203.0.113.9"})
        client.post("/login/", {"username": "nobody", "password": "x"})
    Client(REMOTE_ADDR="", headers={"x-forwarded-for": "junk"}).post("/login/", {"username": "nobody", "password": "x"})
    assert [row.ip_address for row in FailedLogin.objects.order_by("pk")] == ["203.0.113.9", "203.0.113.9", None]


def test_the_admin_sees_who_was_tried_from_where_and_lets_them_try_again() -> None:
    make_labeler("alice")
    for _ in range(5):
        try_to("alice", "wrong")
    olga = admin_browser()
    listed = olga.get("/admin/labeling/failedlogin/").text
    assert "alice" in listed
    assert "203.0.113.7" in listed
    ticked = {"action": "let_try_again", "_selected_action": [str(FailedLogin.objects.latest("pk").pk)]}
    olga.post("/admin/labeling/failedlogin/", ticked)
    assert try_to("alice", PASSWORD) == 302
    assert FailedLogin.objects.count() == 5


def test_labelers_manage_no_accounts() -> None:
    User.objects.create_user("erin", is_staff=True)
    assert admin_browser("labeling.view_prompt").get("/admin/labeling/failedlogin/").status_code == 403
