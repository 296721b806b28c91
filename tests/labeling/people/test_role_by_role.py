"""docs/roles.md, asked: which role may ask the API what, on the table that names every address and verb."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labeling.people.roles.rules import Role
from labeling.people.roles.services import set_roles
from tests.labeling.people.test_doors import API, ROLES

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", ROLES)
def test_a_role_asks_the_api_what_the_table_names_and_nothing_else(role: Role) -> None:
    user = User.objects.create_user("stan", password="x")
    set_roles(user=user, roles=frozenset({role}))
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    wrong = {}
    asked = {each: cells for each, cells in API.items() if each[0].startswith("/api/")}  # /v1/ takes tokens alone
    for (address, verb), cells in asked.items():
        path = address.replace("<slug>", "nowhere").replace("<pk>", "77")
        path = re.sub(r"<token>", "00000000-0000-0000-0000-000000000000", path)
        status = client.generic(verb, path, "{}", content_type="application/json").status_code
        refused = status in (401, 403)
        if refused != (cells[role] == "no") or status >= 500:
            wrong[f"{verb} {address}"] = status
    assert wrong == {}
    assert len(asked) > 20
