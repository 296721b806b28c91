"""Roles of staff: what the groups hold, and whose campaigns somebody sees."""

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.test import Client
from django.urls import reverse

from labeling.base.states import ApiScope
from labeling.campaigns.managers.queries import campaigns_of, within_campaigns_of
from labeling.campaigns.services.campaigns import campaign_defaults
from labeling.models import ApiToken, Campaign, Labeler, Prompt
from labeling.people.roles.queries import is_admin, may_review, roles_of
from labeling.people.roles.rules import MAY, Role, permissions_of
from labeling.people.roles.services import make_roles, set_roles
from labeling.people.tokens.services import make_token
from tests.labeling.cast import make_campaign, make_prompt

pytestmark = pytest.mark.django_db


def somebody(name: str, *roles: Role) -> User:
    user = User.objects.create_user(name, password="x")
    set_roles(user=user, roles=frozenset(roles))
    return User.objects.get(pk=user.pk)


def test_migrating_makes_a_group_of_each_role_with_what_the_rules_name() -> None:
    group = Group.objects.get(name=Role.CAMPAIGN_MANAGER)
    changed = Permission.objects.get(codename="delete_user")
    group.permissions.add(changed)
    make_roles()
    held = {f"{each.content_type.app_label}.{each.codename}" for each in group.permissions.all()}
    assert held == permissions_of(Role.CAMPAIGN_MANAGER)
    assert Group.objects.get(name=Role.ADMIN).permissions.count() == Permission.objects.count()


def test_every_permission_of_the_rules_exists() -> None:
    known = {f"{app}.{name}" for app, name in Permission.objects.values_list("content_type__app_label", "codename")}
    wanted = {name for role in Role if role != Role.ADMIN for name in permissions_of(role)}
    assert MAY
    assert wanted <= known


def test_a_role_opens_the_admin_and_goes_again() -> None:
    rita = somebody("rita", Role.REVIEWER)
    assert (rita.is_staff, may_review(rita), is_admin(rita)) == (True, True, False)
    assert rita.has_perm("labeling.view_prompt")
    assert not rita.has_perm("labeling.change_prompt")
    set_roles(user=rita, roles=frozenset())
    assert (rita.is_staff, roles_of(rita), rita.has_perm("labeling.view_prompt")) == (False, frozenset(), False)


def test_nobody_else_has_a_role(alice: Labeler) -> None:
    assert roles_of(AnonymousUser()) == roles_of(alice.user) == frozenset()
    superuser = User.objects.create_superuser("olga")
    assert is_admin(superuser)
    superuser.is_active = False
    assert not is_admin(superuser)


def test_a_campaign_manager_sees_the_campaigns_that_they_manage_whatever_other_role_they_have() -> None:
    mine, other = make_campaign(), make_campaign()
    prompt, _hidden = make_prompt(mine), make_prompt(other)
    mia = somebody("mia", Role.CAMPAIGN_MANAGER, Role.REVIEWER)
    mine.managers.add(mia)
    assert list(campaigns_of(mia)) == [mine]
    assert list(within_campaigns_of(mia, Prompt.objects.all(), "campaign")) == [prompt]
    for everywhere in (somebody("rita", Role.REVIEWER), somebody("ada", Role.ADMIN, Role.CAMPAIGN_MANAGER)):
        assert set(campaigns_of(everywhere)) == {mine, other}
        assert within_campaigns_of(everywhere, Prompt.objects.all(), "campaign").count() == 2


def browser(name: str, *roles: Role) -> tuple[User, Client]:
    user, client = somebody(name, *roles), Client()
    client.force_login(user)
    return user, client


def test_an_admin_gives_roles_and_campaigns_on_their_pages() -> None:
    campaign = make_campaign()
    mia = User.objects.create_user("mia")
    _ada, client = browser("ada", Role.ADMIN)
    page = reverse("admin:auth_user_choose_roles", args=[mia.pk])
    assert "Which roles has mia?" in client.get(page).text
    client.post(page, {"roles": [Role.CAMPAIGN_MANAGER]})
    client.post(reverse("admin:labeling_campaign_choose_managers", args=[campaign.pk]), {"managers": [mia.pk]})
    again = User.objects.get(pk=mia.pk)
    assert (again.is_staff, roles_of(again), list(campaigns_of(again))) == (
        True, frozenset({Role.CAMPAIGN_MANAGER}), [campaign],
    )  # fmt: skip


def test_a_campaign_manager_makes_a_campaign_which_is_theirs_and_chooses_no_managers() -> None:
    mia, client = browser("mia", Role.CAMPAIGN_MANAGER)
    sent = {
        "slug": "own", "name": "Own", "languages": ["en"], "body_en": "Rank.", "body_zh_hans": "排序。", "flags": "[]",
        **{field.name: field.default for field in Campaign._meta.fields if type(field.default) in (int, float)},
        **campaign_defaults(), "use": "train_and_evaluate", "stage": "work",
    }  # fmt: skip
    made = client.post(reverse("admin:labeling_campaign_add"), sent)
    assert made.status_code == 302, made.context["adminform"].form.errors
    campaign = Campaign.objects.get(slug="own")
    assert list(campaigns_of(mia)) == [campaign]
    assert client.get(reverse("admin:labeling_campaign_choose_managers", args=[campaign.pk])).status_code == 403


def test_nobody_but_a_superuser_changes_a_superuser_and_nobody_changes_what_a_role_may() -> None:
    root = User.objects.create_superuser("root")
    _ada, client = browser("ada", Role.ADMIN)
    for name in ("choose_roles", "link_to_new_password"):
        assert client.post(reverse(f"admin:auth_user_{name}", args=[root.pk])).status_code == 403
    assert client.post(reverse("admin:auth_user_change", args=[root.pk]), {}).status_code == 403
    assert client.post(reverse("admin:auth_user_delete", args=[root.pk]), {"post": "yes"}).status_code == 403
    own = client.get(reverse("admin:auth_user_change", args=[_ada.pk]))
    assert not {"is_superuser", "user_permissions"} & set(own.context["adminform"].form.fields)
    group = Group.objects.get(name=Role.REVIEWER)
    assert client.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "x"}).status_code == 403
    assert client.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}).status_code == 403


def test_a_campaign_manager_makes_tokens_of_their_own_account_alone() -> None:
    campaign, other = make_campaign(), make_campaign()
    root = User.objects.create_superuser("root")
    theirs, _secret = make_token(user=root, name="theirs", scopes=[ApiScope.CAMPAIGNS_READ])
    mia, client = browser("mia", Role.CAMPAIGN_MANAGER)
    campaign.managers.add(mia)
    add = reverse("admin:labeling_apitoken_add")
    refused = client.post(add, {"user": root.pk, "name": "mine", "scopes": ["campaigns:read"]})
    assert "user" in refused.context["adminform"].form.errors
    client.post(add, {"user": mia.pk, "name": "mine", "scopes": ["campaigns:read", "prompts:read"]})
    assert list(ApiToken.objects.values_list("user__username", flat=True)) == ["mia", "root"]
    assert client.post(reverse("admin:labeling_apitoken_revoke", args=[theirs.pk])).status_code == 404

    # Through the API the token reaches their campaigns alone.
    _row, secret = make_token(user=mia, name="x", scopes=[ApiScope.CAMPAIGNS_READ, ApiScope.PROMPTS_READ])
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    listed = program.get("/api/v1/campaigns/").json()["results"]
    assert [each["slug"] for each in listed] == [campaign.slug]
    assert program.get(f"/api/v1/campaigns/{other.slug}/").status_code == 404
    assert program.get(f"/api/v1/campaigns/{other.slug}/prompts/").status_code == 404
    hidden = make_prompt(other)
    assert program.get(f"/api/v1/prompts/{hidden.pk}/").status_code == 404


def test_lists_filters_and_ticked_rows_hold_own_campaigns_alone() -> None:
    campaign, other = make_campaign(name="Mine"), make_campaign(name="Hidden")
    mine, hidden = make_prompt(campaign), make_prompt(other)
    mia, client = browser("mia", Role.CAMPAIGN_MANAGER)
    campaign.managers.add(mia)
    page = client.get(reverse("admin:labeling_prompt_changelist"))
    assert list(page.context["cl"].queryset) == [mine]
    assert "Hidden" not in page.text
    many = reverse("admin:labeling_prompt_set_aside_many", query={"ids": f"{mine.pk},{hidden.pk}"})
    client.post(many, {"reason": "Not ours"})
    hidden.refresh_from_db()
    mine.refresh_from_db()
    assert (mine.set_aside_reason, hidden.set_aside_reason) == ("Not ours", "")
