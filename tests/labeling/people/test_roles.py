"""Roles of staff: what the groups hold, and whose campaigns somebody sees."""

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission, User

from labeling.campaigns.managers.queries import campaigns_of, within_campaigns_of
from labeling.models import Labeler, Prompt
from labeling.people.roles.queries import is_admin, may_review, roles_of
from labeling.people.roles.rules import MAY, Role, permissions_of
from labeling.people.roles.services import make_roles, set_roles
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
