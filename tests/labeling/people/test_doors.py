"""docs/roles.md, walked: every address of the program is in one of its tables, and every role tries every door."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db import models
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern, URLResolver

from labeling.people.roles.rules import MAY, Role, permissions_of
from labeling.people.roles.services import set_roles
from tests.labeling.cast import make_labeler

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _refusals_unlogged(caplog: pytest.LogCaptureFixture) -> None:
    """There are 1,600 here, and to write down the traceback of each takes a twentieth of the time."""
    caplog.set_level(logging.CRITICAL, logger="django.request")


PAGE = (Path(__file__).resolve().parents[3] / "docs" / "roles.md").read_text()
ROLES = (Role.REVIEWER, Role.CAMPAIGN_MANAGER, Role.ML_ENGINEER, Role.ADMIN)
STAFF_DOORS = set(re.findall(r"`(\w+)`", PAGE.partition("Open to all staff")[2].partition("##")[0]))
# These patterns match what nobody is at; Django's own redirect to …/change/ decides nothing.
NO_DOORS = {"admin/(?P<url>.*)$", r"^api/(?:[\s\S]*/)?\Z", r"^v1/(?:[\s\S]*)\Z"}


def table(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, or under a sentence, without its head."""
    found = PAGE.partition(heading)[2].split("\n\n")
    rows = next(part for part in found if part.startswith("|")).splitlines()[2:]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]


OBJECTS = {row[0]: dict(zip(ROLES, row[1:], strict=True)) for row in table("## The admin, object by object")}
OTHER_PERMISSION = {row[0]: row[1] for row in table("These doors go by another permission")}
API = {(row[0], row[1]): dict(zip(ROLES, row[2:], strict=True)) for row in table("## The API")}
PAGES = {row[0]: row[1:] for row in table("## The pages for labelers")}
REVIEWING = [row[0] for row in table("## The pages for reviewers")]
CONTROL_ROOM = [row[0] for row in table("## The control room")]
ACCOUNT = [address for row in table("## Everybody's own account") for address in re.findall(r"/[\w./-]+", row[0])]


def addresses(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, route)
        else:
            yield route, pattern


ALL = [(route, pattern) for route, pattern in addresses(get_resolver()) if route not in NO_DOORS]


class Door(NamedTuple):
    model: type[models.Model]
    name: str
    route: str
    pattern: URLPattern

    @property
    def of_a_row(self) -> bool:
        return bool(self.pattern.pattern.converters or "<" in str(self.pattern.pattern))


admin.autodiscover()
MODELS = {f"{model._meta.app_label}_{model._meta.model_name}": model for model in admin.site._registry}


def admin_doors() -> Iterator[Door]:
    for route, pattern in ALL:
        if not route.startswith("admin/") or route == "admin/login/" or pattern.name in STAFF_DOORS:
            continue
        if pattern.name is None:
            continue  # …/<id>/ leads to …/<id>/change/
        label, _, name = next(
            (key, *pattern.name.partition(f"{key}_")[1:]) for key in MODELS if pattern.name.startswith(f"{key}_")
        )
        yield Door(MODELS[label], name, route, pattern)


DOORS = list(admin_doors())


def test_every_address_is_in_a_table() -> None:
    assert set(OBJECTS) == {model._meta.label_lower for model in admin.site._registry}
    missing = []
    for route, _pattern in ALL:
        if route.startswith("admin/"):
            continue  # DOORS: a name that is no object's and not among those for all staff raises StopIteration
        address = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", route)
        if address.startswith(("/api/", "/v1/")):
            known = address in {each for each, _verb in API}
        else:
            known = address in PAGES or any(
                address.startswith(each) for each in [*PAGES, *REVIEWING, *CONTROL_ROOM, *ACCOUNT] if each != "/"
            )
        if not known:
            missing.append(address)
    assert missing == []


def test_the_table_of_objects_says_what_the_groups_hold() -> None:
    for label, cells in OBJECTS.items():
        app, name = label.split(".")
        for role in ROLES[:-1]:
            said = {f"{app}.{verb.strip()}_{name}" for verb in cells[role].split(",") if verb.strip() != "–"}
            held = {each for each in permissions_of(role) if each.rpartition("_")[2] == name and each.startswith(app)}
            assert said == held, (label, role)
        assert cells[Role.ADMIN] == "everything"
    assert set(MAY) <= set(OBJECTS)
    assert Group.objects.get(name=Role.ADMIN).permissions.count() == Permission.objects.count()


def browser_in(role: Role | None) -> Client:
    """Of staff in that role; None: of a labeler, who has none."""
    client = Client()
    if role is None:
        client.force_login(make_labeler("lucy").user)
        return client
    user = User.objects.create_user("stan", password="x")
    set_roles(user=user, roles=frozenset({role}))
    client.force_login(User.objects.get(pk=user.pk))
    return client


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_the_lists_that_the_table_names_and_no_others(role: Role) -> None:
    client = browser_in(role)
    wrong = {}
    for label, cells in OBJECTS.items():
        status = client.get(reverse(f"admin:{label.replace('.', '_')}_changelist")).status_code
        wanted = 200 if "view" in cells[role] or cells[role] == "everything" else 403
        if status != wanted:
            wrong[label] = status
    assert wrong == {}


@pytest.mark.slow
@pytest.mark.parametrize("role", [None, *ROLES[:-1]])
def test_what_the_table_does_not_name_opens_to_no_verb(role: Role | None) -> None:
    """Every address of the admin, read and written to, with the number of no row: refused before it is looked for, or
    not there. A labeler is led to the log-in."""
    client = browser_in(role)
    wrong = {}
    for door in DOORS:
        label = door.model._meta.label_lower
        cell = OBJECTS[label][role] if role else ""
        permission = OTHER_PERMISSION.get(f"{label.replace('.', '_')}_{door.name}", "")
        if role and (permission in permissions_of(role) or f"{label.replace('.', '_')}_*" in OTHER_PERMISSION):
            continue
        for method in ("get", "post"):
            verb = verb_of(door, method)
            if verb in cell or (verb == "change" and "add" in cell):
                continue
            address = "/" + re.sub(r"<[^>]+>", "77", door.route)
            status = getattr(client, method)(address).status_code
            # Django's history of a row that is not there leads back to the front page.
            not_there = (302,) if role is None or door.name == "history" else ()
            if status not in (403, 404, 405, *not_there):
                wrong[f"{method} {address}"] = status
    assert wrong == {}


READS = {"changelist", "history", "figures", "look_at_figures"}
"""Doors at which a POST without an action shows what a GET shows."""


def verb_of(door: Door, method: str) -> str:
    if door.name in READS or (method == "get" and door.name == "change"):
        return "view"
    return door.name if door.name in ("add", "delete") else "change"
