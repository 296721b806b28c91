"""docs/roles.md, pressed: every button of every object opens to the roles that the table names and to no others."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from labeling.models import ApiToken, Campaign, Invitation
from labeling.people.roles.rules import Role
from labeling.people.roles.services import set_roles
from tests.labeling.people.test_doors import DOORS, OBJECTS, OTHER_PERMISSION, ROLES, Door, verb_of

pytestmark = pytest.mark.django_db

PAGES = {"changelist", "add", "change", "delete", "history"}
BUTTONS = [door for door in DOORS if door.name not in PAGES]


def somebody_in(role: Role) -> User:
    """They manage every campaign."""
    user = User.objects.create_user(f"sam-{role.value}", password="x")
    set_roles(user=user, roles=frozenset({role}))
    for campaign in Campaign.objects.all():
        campaign.managers.add(user)
    return User.objects.get(pk=user.pk)


def made_by(user: User) -> None:
    """What is seen by its maker alone."""
    Invitation.objects.update(made_by=user)
    ApiToken.objects.update(user=user)


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def asked_by(user: User) -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = user
    return request


def may_press(user: User, role: Role, door: Door) -> bool:
    """What docs/roles.md says."""
    label = door.model._meta.label_lower.replace(".", "_")
    for key in (f"{label}_{door.name}", f"{label}_*"):
        if key in OTHER_PERMISSION:
            return user.has_perm(OTHER_PERMISSION[key])
    cell = OBJECTS[door.model._meta.label_lower][role]
    return cell == "everything" or verb_of(door, "get") in cell


def row_for(site: Any, door: Door) -> models.Model:
    """A row whose page shows the button; any other where none does."""
    rows = list(door.model._default_manager.order_by("pk"))
    return next((row for row in rows if door.name in getattr(site, "buttons_for", lambda _row: ())(row)), rows[0])


def wrongly_offered(user: User, role: Role, door: Door, site: Any, row: models.Model) -> Iterator[str]:
    """Where the page shows a button that does not open, or hides one that does."""
    if not hasattr(site, "buttons_for") or door.name not in getattr(site, "actions_detail", ()):
        return
    offered = {action.action_name for action in site.get_actions_detail(asked_by(user), row.pk)}
    shown = f"{door.model._meta.app_label}_{door.model._meta.model_name}_{door.name}" in offered
    if shown != (may_press(user, role, door) and door.name in site.buttons_for(row)):
        yield "is shown" if shown else "is not shown"


@pytest.mark.slow
def test_every_button_opens_to_whom_the_table_names(everything: Campaign) -> None:
    wrong = {}
    users = {role: somebody_in(role) for role in ROLES}
    clients = {role: logged_in(users[role]) for role in ROLES}
    of_rows = [door for door in BUTTONS if door.of_a_row or door.name.endswith("_many")]
    rows = {door: row_for(admin.site._registry[door.model], door) for door in of_rows}
    for role in ROLES:
        user = users[role]
        made_by(user)
        for door in BUTTONS:
            site = admin.site._registry[door.model]
            row = rows[door] if door.of_a_row else None
            label = door.model._meta.label_lower.replace(".", "_")
            address = reverse(f"admin:{label}_{door.name}", args=[row.pk] if row else [])
            # What is done to ticked rows is given their numbers.
            ticked = {"ids": rows[door].pk} if door.name.endswith("_many") else {}
            status = clients[role].get(address, ticked).status_code
            opens = status in (200, 302, 405)
            if opens != may_press(user, role, door) or status >= 500:
                wrong[f"{role} {address}"] = str(status)
            elif row and (said := list(wrongly_offered(user, role, door, site, row))):
                wrong[f"{role} {address}"] = said[0]
    assert not wrong, "\n".join(f"{door}: {said}" for door, said in wrong.items())
    assert len(BUTTONS) > 100
