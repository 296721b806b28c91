"""docs/roles.md, pressed: on rows that are there, which role may press which button; and which may ask the API what."""

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from labeling.base.admin.model_admins import BaseAdmin
from labeling.models import Campaign
from labeling.people.roles.rules import Role, permissions_of
from labeling.people.roles.services import set_roles
from tests.labeling.console.test_pages import everything
from tests.labeling.people.test_doors import API, OBJECTS, OTHER_PERMISSION, ROLES

pytestmark = pytest.mark.django_db

__all__ = ["everything"]  # the fixture: one of everything
ROWS_TRIED = 5
"""A campaign manager does not see every row: one of these is theirs."""


def in_role(role: Role) -> Client:
    """The browser of somebody who has the role; of a campaign manager, who manages every campaign."""
    user = User.objects.create_user(f"stan-{role.name.lower()}", password="x")
    set_roles(user=user, roles=frozenset({role}))
    if role == Role.CAMPAIGN_MANAGER:
        for campaign in Campaign.objects.all():
            campaign.managers.add(user)
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return client


def may_press(role: Role, label: str, button: str) -> bool:
    """As the tables say."""
    other = OTHER_PERMISSION.get(f"{label.replace('.', '_')}_{button}")
    if other is not None and role != Role.ADMIN:
        return other in permissions_of(role)
    return OBJECTS[label][role] == "everything" or "change" in OBJECTS[label][role]


def buttons_of(site: Any) -> list[str]:
    """All that rows of the noun may have, in groups or not."""
    found = []
    for each in site.actions_detail:
        found += each["items"] if isinstance(each, dict) else [each]
    return found


def rows_with(site: Any, model: type[Model], button: str) -> list[Model]:
    """Rows that offer the button; any others where none does."""
    rows = list(model._default_manager.all()[:ROWS_TRIED])
    return [row for row in rows if button in site.buttons_for(row)] or rows


def takewhile_not(wanted: set[int], statuses: Iterable[int]) -> Iterator[int]:
    """Those before the first that is wanted."""
    return takewhile(lambda status: status not in wanted, statuses)


def test_each_role_may_press_the_buttons_that_the_table_gives_it_and_no_others(everything: Campaign) -> None:
    """GET asks and POST does, by the same permission: what is asked here changes nothing."""
    wrong, pressed = [], 0
    clients = {role: in_role(role) for role in ROLES}
    for model, site in admin.site._registry.items():
        if not isinstance(site, BaseAdmin):
            continue
        label = model._meta.label_lower
        for button in buttons_of(site):
            rows = rows_with(site, model, button)
            for role, client in clients.items():
                allowed = may_press(role, label, button)
                wanted = {200, 302} if allowed else {403}
                addresses = (reverse(f"admin:{label.replace('.', '_')}_{button}", args=[row.pk]) for row in rows)
                statuses = list(takewhile_not(wanted, (client.get(each).status_code for each in addresses)))
                pressed += 1
                if len(statuses) == len(rows):
                    wrong.append((label, button, str(role), allowed, statuses))
    assert wrong == []
    assert pressed > 200, "every button is walked by every role"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_asks_the_api_what_the_table_names_and_nothing_else(role: Role) -> None:
    client = in_role(role)
    wrong = {}
    for (address, verb), cells in API.items():
        path = address.replace("<slug>", "nowhere").replace("<pk>", "77")
        path = re.sub(r"<token>", "00000000-0000-0000-0000-000000000000", path)
        status = client.generic(verb, path, "{}", content_type="application/json").status_code
        refused = status in (401, 403)
        if refused != (cells[role] == "no") or status >= 500:
            wrong[f"{verb} {address}"] = status
    assert wrong == {}
