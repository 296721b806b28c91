"""Two-factor log-in: set up with an app, asked for, limited, required of staff, reset by somebody else."""

import re
import time
from base64 import b32decode
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from labeling.models import Change, FailedLogin
from labeling.people.roles.rules import Role
from labeling.people.roles.services import set_roles
from labeling.people.second_factor.services import set_up
from tests.labeling.admin_cast import texts_of
from tests.labeling.cast import PASSWORD

pytestmark = pytest.mark.django_db

KEY = "3132333435363738393031323334353637383930"
"""The secret of RFC 6238, Appendix B, in hexadecimal."""


def code_now(key: str = KEY) -> str:
    return f"{totp(bytes.fromhex(key)):06d}"


def forget_last_code() -> None:
    """As if half a minute passed: an app's code opens once."""
    TOTPDevice.objects.update(last_t=-1)


@pytest.fixture
def rita(db: None) -> User:
    user = User.objects.create_user("rita", password=PASSWORD)
    set_roles(user=user, roles=frozenset({Role.ADMIN}))
    return user


def with_app(user: User) -> list[str]:
    codes = set_up(user=user, key=KEY, code=code_now())
    forget_last_code()
    return codes


def password_given(client: Client, name: str = "rita", then: str = "/admin/") -> Any:
    return client.post("/login/", {"username": name, "password": PASSWORD, "next": then})


def is_logged_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_an_app_is_bound_by_what_the_page_shows_and_then_asked_for(rita: User) -> None:
    client, elsewhere = Client(), Client()
    for browser in (client, elsewhere):
        password_given(browser)
    page = client.get("/two-factor/").text
    assert "<svg" in page
    secret = re.search(r'<code class="secret" data-own-words>([A-Z2-7 ]+)</code>', page)
    assert secret is not None
    key = b32decode(secret[1].replace(" ", "")).hex()
    wrong = client.post("/two-factor/", {"what": "set_up", "code": "000000"})
    assert wrong.status_code == 422
    assert 'role="alert"' in wrong.text
    assert secret[0] in wrong.text  # the same picture still holds
    shown = client.post(
        "/two-factor/", {"what": "set_up", "code": f" {code_now(key)[:3]} {code_now(key)[3:]}"}, follow=True
    )
    codes = re.findall(r"<code data-own-words>([a-z2-7]{8})</code>", shown.text)
    assert len(codes) == 10
    assert codes[0] not in client.get("/two-factor/").text  # shown once

    # Who came by the password alone is out, and the next log-in asks for the code before anything opens.
    assert is_logged_in(client)
    assert elsewhere.get("/admin/").status_code == 302
    forget_last_code()
    asked = password_given(elsewhere)
    assert asked["Location"] == "/login/code/"
    assert not is_logged_in(elsewhere)
    assert elsewhere.get("/admin/").status_code == 302
    opened = elsewhere.post("/login/code/", {"code": code_now(key)})
    assert opened["Location"] == "/admin/"
    assert is_logged_in(elsewhere)
    again = Client()
    password_given(again)
    assert again.post("/login/code/", {"code": code_now(key)}).status_code == 422  # a code opens once


def test_a_recovery_code_opens_once(rita: User) -> None:
    code = with_app(rita)[0]
    client = Client()
    password_given(client)
    assert client.post("/login/code/", {"code": f"{code[:4]} {code[4:]}".upper()}).status_code == 302
    again = Client()
    password_given(again)
    assert again.post("/login/code/", {"code": code}).status_code == 422


def test_wrong_codes_count_as_wrong_passwords_do_and_are_on_record(rita: User) -> None:
    with_app(rita)
    client = Client(REMOTE_ADDR="203.0.113.7")
    password_given(client)
    statuses = [client.post("/login/code/", {"code": f"{number:06d}"}).status_code for number in range(5)]
    assert statuses == [422, 422, 422, 422, 429]
    assert client.post("/login/code/", {"code": code_now()}).status_code == 429
    assert password_given(Client()).status_code == 429  # the same limit holds at the password
    assert FailedLogin.objects.filter(username="rita", path_info="/login/code/").count() >= 5
    assert Change.objects.filter(table_name="axes_accessfailurelog", row_name="rita").exists()


def test_the_right_password_alone_forgives_no_wrong_codes(rita: User) -> None:
    with_app(rita)
    statuses = []
    for number in range(5):
        client = Client()
        password_given(client)
        statuses.append(client.post("/login/code/", {"code": f"{number:06d}"}).status_code)
    assert statuses[-1] == 429


def test_the_page_of_the_code_leads_nowhere_without_a_password_and_not_for_ever(
    rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_app(rita)
    assert Client().post("/login/code/", {"code": code_now()})["Location"] == "/login/"
    client = Client()
    password_given(client)
    later = time.time() + 3600
    monkeypatch.setattr("labeling.people.second_factor.views.log_in.time.time", lambda: later)
    assert client.post("/login/code/", {"code": code_now()})["Location"] == "/login/"


def test_where_it_is_required_staff_do_nothing_before_it_and_labelers_are_not_asked(
    rita: User, settings: Settings, client: Client
) -> None:
    settings.REQUIRE_TWO_FACTOR = True
    assert client.get("/").status_code == 200  # Alice, who labels
    staff = Client()
    password_given(staff)
    for address in ("/admin/", "/admin/labeling/campaign/", "/", "/password/"):
        assert staff.get(address)["Location"] == "/two-factor/"
    program = staff.get("/api/v1/campaigns/")
    assert (program.status_code, program["Content-Type"]) == (403, "application/problem+json")
    page = staff.get("/two-factor/").text
    assert "Staff need it here before anything else" in page
    key = staff.session["second_factor_key"]
    staff.post("/two-factor/", {"what": "set_up", "code": code_now(key)})
    assert staff.get("/admin/").status_code == 200
    # They may not do without again.
    forget_last_code()
    assert staff.post("/two-factor/", {"what": "take_away", "code": code_now(key)}).status_code == 422
    assert TOTPDevice.objects.filter(user=rita).exists()


def test_where_it_is_not_required_it_is_turned_off_with_a_code(rita: User) -> None:
    with_app(rita)
    client = Client()
    password_given(client)
    client.post("/login/code/", {"code": code_now()})
    assert client.post("/two-factor/", {"what": "take_away", "code": "123"}).status_code == 422
    forget_last_code()
    client.post("/two-factor/", {"what": "take_away", "code": code_now()})
    assert not TOTPDevice.objects.exists()
    assert password_given(Client())["Location"] == "/admin/"


def test_it_moves_to_another_phone_and_the_old_one_stays_until_then(rita: User, settings: Settings) -> None:
    settings.REQUIRE_TWO_FACTOR = True
    with_app(rita)
    client = Client()
    password_given(client)
    client.post("/login/code/", {"code": code_now()})
    forget_last_code()
    client.post("/two-factor/", {"what": "move", "code": code_now()})
    assert "Until it shows the right code, the old one stays" in client.get("/two-factor/").text
    key = client.session["second_factor_key"]
    assert TOTPDevice.objects.get().key == KEY
    client.post("/two-factor/", {"what": "set_up", "code": code_now(key)})
    assert TOTPDevice.objects.get().key == key
    assert client.get("/admin/").status_code == 200


def test_logging_in_by_the_app_makes_no_recovery_code_wait(rita: User) -> None:
    code = with_app(rita)[0]
    for _ in range(3):
        client = Client()
        password_given(client)
        client.post("/login/code/", {"code": code_now()})
        forget_last_code()
    client = Client()
    password_given(client)
    assert client.post("/login/code/", {"code": code}).status_code == 302


def test_another_admin_resets_it_after_a_lost_phone_and_nobody_their_own(rita: User) -> None:
    with_app(rita)
    hers, olga = Client(), Client()
    password_given(hers)
    hers.post("/login/code/", {"code": code_now()})
    User.objects.create_superuser("olga")
    olga.force_login(User.objects.get(username="olga"))
    page = f"/admin/auth/user/{rita.pk}/reset_second_factor/"
    own = hers.post(page)
    assert own.status_code == 422
    assert TOTPDevice.objects.exists()
    done = olga.post(page, follow=True)
    assert "The two-factor log-in of rita is reset." in texts_of(done)
    assert not TOTPDevice.objects.exists()
    assert hers.get("/admin/").status_code == 302
    change = Change.objects.filter(table_name="otp_totp_totpdevice", action="delete").get()
    assert (change.actor, change.row_name) == ("olga", "rita")
    assert KEY not in str(list(Change.objects.values_list("changes", "row_name")))


def test_the_admin_s_own_log_in_is_no_way_round(rita: User, client: Client) -> None:
    assert Client().get("/admin/login/?next=/admin/")["Location"] == "/login/?next=/admin/"
    turned_away = client.get("/admin/", follow=True)  # Alice, who labels: no loop
    assert turned_away.status_code == 403
    assert "The admin is for staff" in turned_away.text
