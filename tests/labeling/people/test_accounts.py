"""Accounts: passwords changed and chosen anew, API tokens, and accounts that are closed."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from labeling.base.states import ApiScope, LabelerState
from labeling.models import ApiToken, Assignment, Labeler, Ranking
from labeling.people.tokens.services import find_token, make_token
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import PASSWORD, browser_of, make_campaign, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db

NEW = "seven wild geese 41"


def log_in(name: str, password: str) -> int:
    return Client().post("/login/", {"username": name, "password": password}).status_code


def test_a_labeler_changes_the_password_and_is_still_there(alice: Labeler) -> None:
    client = Client()
    client.post("/login/", {"username": "alice", "password": PASSWORD})
    assert 'href="/password/"' in client.get("/preferences/").text
    wrong = client.post("/password/", {"old_password": "x", "new_password1": NEW, "new_password2": NEW})
    assert 'role="alert"' in wrong.text
    changed = client.post("/password/", {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW})
    assert changed["Location"] == "/"
    assert client.get("/").status_code == 200
    assert (log_in("alice", PASSWORD), log_in("alice", NEW)) == (200, 302)


def test_an_admin_makes_a_link_with_which_a_new_password_is_chosen_once(alice: Labeler) -> None:
    olga = admin_browser()
    page = f"/admin/auth/user/{alice.user_id}/link_to_new_password/"
    asked = olga.get(page)
    assert "chooses a new password" in asked.text
    made = olga.post(page, follow=True)
    link = re.search(r"http://testserver(/password/new/\S+?/)</code>", " ".join(texts_of(made)))
    assert link is not None
    visitor = Client()
    form = visitor.get(link[1], follow=True)
    visitor.post(form.request["PATH_INFO"], {"new_password1": NEW, "new_password2": NEW})
    assert log_in("alice", NEW) == 302
    assert "too old" in Client().get(link[1], follow=True).text


def test_a_full_width_name_is_the_name_that_is_there(alice: Labeler) -> None:
    sent = {"username": "ａｌｉｃｅ", "password": NEW, "state": "active", "group": "training", "languages": "en"}
    refused = admin_browser().post("/admin/labeling/labeler/add/", sent)
    assert refused.status_code == 200
    assert "There is a user of that name already." in refused.text
    assert Labeler.objects.count() == 1


def new_token(user: User, **changes: Any) -> tuple[ApiToken, str]:
    return make_token(user=user, name="import", scopes=[ApiScope.SCORES], **changes)


def test_a_token_is_made_in_the_admin_shown_once_and_kept_as_a_digest() -> None:
    petra = User.objects.create_user("petra")
    olga = admin_browser()
    sent = {"user": petra.pk, "name": "nightly import", "scopes": ["prompts:write", "scores"]}
    made = olga.post("/admin/labeling/apitoken/add/", sent, follow=True)
    shown = re.search(r"concord_[\w-]+", " ".join(texts_of(made)))
    assert shown is not None
    token = ApiToken.objects.get()
    assert find_token(shown[0]) == token
    assert shown[0] not in str(ApiToken.objects.values().get())
    page = olga.get(f"/admin/labeling/apitoken/{token.pk}/change/").text
    assert shown[0] not in page
    assert "prompts:write, scores" in page
    olga.post(f"/admin/labeling/apitoken/{token.pk}/revoke/")
    assert find_token(shown[0]) is None


def test_a_token_ends_with_its_time_and_with_its_account_and_says_when_it_was_used() -> None:
    petra = User.objects.create_user("petra")
    token, secret = new_token(petra, expires_at=timezone.now() + timedelta(hours=1))
    assert find_token(secret) == token
    token.refresh_from_db()
    assert token.last_used_at is not None
    assert find_token(f"{secret}x") is None
    ApiToken.objects.update(expires_at=timezone.now())
    assert find_token(secret) is None
    ApiToken.objects.update(expires_at=None)
    User.objects.update(is_active=False)
    assert find_token(secret) is None


def test_an_account_with_work_is_not_deleted_but_closed_and_forgotten(alice: Labeler) -> None:
    campaign = make_campaign()
    for _ in range(2):
        make_ready_task(make_prompt(campaign))
    done = rank(alice, [1, 2, 3, 4])
    browser = browser_of(alice)
    browser.post("/next/ranking/")
    _token, secret = new_token(alice.user)
    olga = admin_browser()
    page = f"/admin/auth/user/{alice.user_id}/delete/"
    assert "would lose their author" in olga.get(page).text
    olga.post(page)
    alice.refresh_from_db()
    user = User.objects.get(pk=alice.user_id)
    assert (user.username, user.is_active, alice.state) == (f"former-L{alice.pk}", False, LabelerState.SUSPENDED)
    assert Ranking.objects.get(pk=done.pk).labeler == alice
    assert not Assignment.objects.filter(state="open").exists()
    assert find_token(secret) is None
    assert browser.get("/")["Location"].startswith("/login/")


def test_an_account_without_work_is_deleted_and_nobody_closes_their_own() -> None:
    frank = User.objects.create_user("frank")
    olga = admin_browser()
    olga.post(f"/admin/auth/user/{frank.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(username="frank").exists()
    me = User.objects.get(username="olga")
    refused = olga.post(f"/admin/auth/user/{me.pk}/close_and_pseudonymise/")
    assert "your own account" in refused.text
    assert User.objects.get(pk=me.pk).is_active
