"""Invitations: a link that makes one account, once, in its role, and says kindly why it opens nothing any more."""

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.base.refusals import InvitationGone, InvitationRefused
from labeling.base.states import CampaignStage, LabelerGroup, LabelerState
from labeling.models import Candidate, Change, Invitation, Labeler
from labeling.onboarding.invitations.services import (
    NewAccount,
    accept_invitation,
    forget_notes_of_closed_accounts,
)
from labeling.people.roles.queries import roles_of
from labeling.people.roles.rules import Role
from labeling.people.roles.services import make_roles, set_roles
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import make_campaign, make_labeler
from tests.labeling.onboarding.screened import invited_by

pytestmark = pytest.mark.django_db

PASSWORD = "seven wild geese 41"
LIST = reverse("admin:labeling_invitation_changelist")
INVITE = reverse("admin:labeling_invitation_invite")


def olga() -> User:
    return User.objects.get_or_create(username="olga", defaults={"is_staff": True, "is_superuser": True})[0]


def invite(*, by: User | None = None, **what: Any) -> str:
    return invited_by(by or olga(), **what)


def join(secret: str, client: Client | None = None, **changes: Any) -> Any:
    sent = {"username": "alice", "password": PASSWORD, "languages": ["en"], "time_zone": "Asia/Shanghai"} | changes
    return (client or Client()).post(reverse("join", args=[secret]), sent)


def test_whoever_is_invited_makes_an_account_and_stands_on_the_path_logged_in() -> None:
    work = make_campaign(languages=["en", "fr"])
    client = Client()
    secret = invite(campaigns=[work])
    page = client.get(reverse("join", args=[secret]))
    assert page.status_code == 200
    assert "français" in page.text  # of the invitation's campaign, and no other
    assert 'value="zh"' not in page.text
    assert page["Cache-Control"].startswith("max-age=0")

    made = join(secret, client)
    assert made["Location"] == reverse("path")
    alice = Labeler.objects.get(user__username="alice")
    assert (alice.state, alice.languages, alice.time_zone) == (LabelerState.SCREENING, ["en"], "Asia/Shanghai")
    assert alice.first_campaign == work
    assert Candidate.objects.get().labeler == alice
    path = client.get(made["Location"])
    assert path.context["path"].done == {"account"}
    assert 'aria-current="step"' in path.text
    used = Invitation.objects.get()
    assert (used.used_by, used.why_gone) == (alice.user, "used")
    assert secret not in str(Invitation.objects.values().get())  # only its digest is kept
    change = Change.objects.filter(table_name="labeling_invitation", action="update").get()
    assert (change.actor, list(change.changes)) == ("alice", ["used_at"])


@pytest.mark.parametrize(
    ("end", "status", "words"),
    [
        ("used", 410, "already"),
        ("expired", 410, "has expired"),
        ("withdrawn", 410, "was taken back"),
        ("mistyped", 404, "whole address"),
    ],
)
def test_a_link_that_opens_nothing_says_why_and_makes_nobody(end: str, status: int, words: str) -> None:
    secret = invite()
    if end == "used":
        join(secret, username="bob")
    elif end == "expired":
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif end == "withdrawn":
        admin_browser(name="petra").post(
            reverse("admin:labeling_invitation_withdraw", args=[Invitation.objects.get().pk])
        )
    else:
        secret += "x"
    before = User.objects.count()
    for answer in (Client().get(reverse("join", args=[secret])), join(secret)):
        assert answer.status_code == status
        assert words in answer.text
    assert User.objects.count() == before


def test_a_form_with_faults_comes_back_with_what_was_typed_and_the_invitation_stays_open() -> None:
    make_labeler("alice")
    secret = invite()
    taken = join(secret, username="ａｌｉｃｅ")
    assert taken.status_code == 422
    assert "Somebody has this user name already" in taken.text
    assert 'value="Asia/Shanghai" selected' in taken.text
    weak = join(secret, username="bob", password="123", languages=[])
    assert "too short" in weak.text
    assert "at least one language" in weak.text
    assert 'value="bob"' in weak.text
    assert Invitation.objects.get().why_gone == ""
    assert join(secret, username="bob").status_code == 302


def test_somebody_who_is_logged_in_makes_no_second_account_by_mistake(client: Client) -> None:
    secret = invite()
    client.force_login(make_labeler("bob").user)
    answer = join(secret, client)
    assert answer.status_code == 409
    assert "logged in as bob" in answer.text
    assert Invitation.objects.get().used_at is None


def test_staff_are_invited_with_their_role_and_managers_with_their_campaigns() -> None:
    make_roles()
    campaign = make_campaign()
    client = Client()
    made = join(invite(role=Role.CAMPAIGN_MANAGER, campaigns=[campaign]), client, username="mia", languages=[])
    assert made["Location"] == reverse("admin:index")
    mia = User.objects.get(username="mia")
    assert roles_of(mia) == {Role.CAMPAIGN_MANAGER}
    assert list(campaign.managers.all()) == [mia]
    assert not Labeler.objects.filter(user=mia).exists()


def test_a_role_above_labeler_needs_the_permission_to_give_roles() -> None:
    make_roles()
    mia = User.objects.create_user("mia", password=PASSWORD)
    set_roles(user=mia, roles=frozenset({Role.CAMPAIGN_MANAGER}))
    own, foreign = make_campaign(name="Own"), make_campaign(name="Foreign")
    own.managers.add(mia)
    with pytest.raises(InvitationRefused, match="labelers alone"):
        invite(role=Role.ADMIN, by=mia)
    with pytest.raises(InvitationRefused, match="to screening alone"):
        invite(begins_in=LabelerState.ACTIVE, by=mia)
    with pytest.raises(InvitationRefused, match="does not manage Foreign"):
        invite(campaigns=[own, foreign], by=mia)
    invite(campaigns=[own], by=mia, note="Hers")
    invite(note="Somebody else’s")
    browser = Client()
    browser.force_login(mia)
    form = browser.get(INVITE).text
    assert ("Foreign" in form, "ML engineer" in form) == (False, False)
    sent = {"role": "Admin", "begins_in": "active", "group": "training", "count": 1, "days": 7}
    assert browser.post(INVITE, sent).status_code == 422
    listed = browser.get(LIST).text
    assert ("Hers" in listed, "Somebody else" in listed) == (True, False)
    assert Invitation.objects.count() == 2


def test_an_admin_makes_several_links_at_once_and_sees_them_once() -> None:
    browser = admin_browser()
    sent = {
        "role": "Labeler", "begins_in": "active", "group": "held_out", "note": "Agency", "count": 3, "days": 2,
    }  # fmt: skip
    made = browser.post(INVITE, sent, follow=True)
    links = re.findall(r"http://testserver/join/([\w-]+)/", " ".join(texts_of(made)))
    assert len(set(links)) == 3
    assert not re.search(r"/join/", browser.get(LIST).text)
    join(links[0])
    alice = Labeler.objects.get()
    assert (alice.state, alice.group) == (LabelerState.ACTIVE, LabelerGroup.HELD_OUT)
    assert not Candidate.objects.exists()
    assert "Agency" in browser.get(LIST).text
    page = browser.get(
        reverse("admin:labeling_invitation_change", args=[Invitation.objects.get(used_by=alice.user).pk])
    )
    assert "alice" in page.text
    alice.user.is_active = False
    alice.user.save()
    forget_notes_of_closed_accounts()
    assert sorted(Invitation.objects.values_list("note", flat=True)) == ["", "Agency", "Agency"]


def test_postgres_keeps_a_used_invitation_whole() -> None:
    invite()
    with pytest.raises(IntegrityError, match="used_by_somebody"), transaction.atomic():
        Invitation.objects.update(used_at=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_of_two_who_use_a_link_at_the_same_moment_one_gets_the_account() -> None:
    make_campaign(stage=CampaignStage.SCREENING)
    secret = invite()
    ended: dict[str, str] = {}
    together = threading.Barrier(2)

    def accept(name: str) -> None:
        together.wait(timeout=30)
        try:
            accept_invitation(secret=secret, account=NewAccount(username=name, password=PASSWORD, languages=["en"]))
            ended[name] = "made"
        except InvitationGone as gone:
            ended[name] = gone.why
        finally:
            connection.close()

    threads = [threading.Thread(target=accept, args=[name]) for name in ("alice", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(ended.values()) == ["made", "used"]
    assert Labeler.objects.count() == 1
    assert Invitation.objects.get().used_by == Labeler.objects.get().user
