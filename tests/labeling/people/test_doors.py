"""docs/roles.md, walked: every address of the program is in one of its tables, and every role tries every door."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db import models, transaction
from django.template.backends.django import Template
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern, URLResolver
from django.utils import timezone

from labeling.api.models import WebhookDelivery
from labeling.base.admin.model_admins import RecordAdmin
from labeling.base.states import ApiScope
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.exports.services.exclusions import leave_out
from labeling.models import (
    Campaign,
    ModelComparison,
    Prompt,
    Ranking,
    Snapshot,
    TrainingRun,
    Webhook,
)
from labeling.people.roles.rules import MAY, Role, permissions_of
from labeling.people.roles.services import set_roles
from labeling.people.tokens.services import make_token
from labeling.quality.gold.models import Check
from labeling.quality.gold.services.items import RightAnswer, make_gold
from tests.labeling.admin_cast import (
    asked_for_rewards,
    compared_elsewhere,
    doubted,
    furnish,
    model_in,
    open_campaign,
    run_in_training,
    snapshot_in,
)
from tests.labeling.cast import browser_of, make_labeler, make_prompt, make_ready_task

pytestmark = pytest.mark.django_db

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "roles.md").read_text()
ROLES = (Role.REVIEWER, Role.CAMPAIGN_MANAGER, Role.ML_ENGINEER, Role.ADMIN)
STAFF_DOORS = set(re.findall(r"`(\w+)`", PAGE.partition("Open to all staff")[2].partition("##")[0]))
# One pattern matches what nobody is at; Django's own redirect to …/change/ decides nothing.
NO_DOORS = {"admin/(?P<url>.*)$", r"^api/(?:[\s\S]*/)?\Z"}


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


def permission_of(door: Door, verb: str) -> str:
    """The permission that opens it, as the page says."""
    full = str(door.pattern.name)
    for name, permission in OTHER_PERMISSION.items():
        if re.fullmatch(name.replace("*", r"(?!changelist|change|history|add|delete).*"), full):
            return permission
    by_name = {"changelist": "view", "history": "view", "add": "add", "delete": "delete"}
    needed = by_name.get(door.name, "change")
    if door.name == "change" and verb == "GET":
        needed = "view"
    return f"{door.model._meta.app_label}.{needed}_{door.model._meta.model_name}"


def is_closed(door: Door, verb: str) -> bool:
    """Nobody makes, changes or deletes such rows by hand."""
    site = admin.site._registry[door.model]
    if door.name == "delete":
        return door.model not in (User, Group)
    return isinstance(site, RecordAdmin) and (door.name == "add" or (door.name == "change" and verb == "POST"))


@pytest.fixture
def blank_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Doors are decided before a page is drawn, and drawing a thousand pages takes minutes."""
    monkeypatch.setattr(Template, "render", lambda *_args, **_options: "")


class World(NamedTuple):
    own: Campaign
    rows: dict[str, models.Model | None]
    """By model: a row of a campaign that the manager manages, or one that belongs to no campaign."""
    others: dict[str, models.Model | None]
    """By model: a row of another campaign."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    own, other = open_campaign(), open_campaign()
    furnish(own, labelers=["alice"])
    furnish(other, labelers=["bob"])
    snapshot = snapshot_in(tmp_path / "snapshot")
    run_in_training(snapshot)
    first, second = model_in(tmp_path / "reward-1"), model_in(tmp_path / "reward-2")
    ModelComparison.objects.create(first=first, second=second, snapshot=snapshot, split="test")
    doubted(make_labeler("greta"))  # measures the rankings of all
    measured = Ranking.objects.filter(task__campaign=own).latest("pk")
    asked_for_rewards()
    hook = Webhook.objects.create(url="https://example.org/told", events=["ranking.submitted"])
    now = timezone.now()
    WebhookDelivery.objects.create(
        webhook=hook, token=uuid4(), event="ranking.submitted", subject=measured.pk, happened_at=now, next_try_at=now
    )
    for campaign in (own, other):
        leave_out(target=Ranking.objects.filter(task__campaign=campaign).latest("pk"), reason="not an answer")
        compared_elsewhere(campaign)
        gold_in(campaign)
    Group.objects.create(name="Night shift")
    Client().post("/login/", {"username": "alice", "password": "wrong"})
    make_token(user=User.objects.get(username="alice"), name="import", scopes=[ApiScope.SCORES])
    browser_of(own.assignments.first().labeler)
    rows, others = {}, {}
    for label, model in MODELS.items():
        site = admin.site._registry[model]
        every = model._default_manager.all()
        if isinstance(site, OfCampaigns):
            paths = site.campaign_paths
            ours = {each.pk for path in paths for each in every.filter(**{path: own.pk})}
            rows[label] = every.filter(pk__in=ours).order_by("pk").last()
            others[label] = every.exclude(pk__in=ours).order_by("pk").last()
        else:
            rows[label] = every.exclude(**({"name__in": list(Role)} if model is Group else {})).order_by("pk").last()
    assert sum(row is not None for row in rows.values()) > 30
    assert sum(row is not None for row in others.values()) > 15
    return World(own, rows, others)


def gold_in(campaign: Campaign) -> None:
    """A gold item that somebody is to be checked by."""
    task = make_ready_task(make_prompt(campaign))
    ranks = {completion.pk: 1 + number for number, completion in enumerate(task.completions.order_by("pk"))}
    item = make_gold(task=task, answer=RightAnswer(ranks=ranks), by=None)
    Check.objects.create(labeler=campaign.assignments.all()[0].labeler, task=task, kind="gold", item=item)


def somebody(role: Role, campaign: Campaign) -> Client:
    user = User.objects.create_user(role.lower().replace(" ", "-"), password="x")
    set_roles(user=user, roles=frozenset({role}))
    campaign.managers.add(user)
    client = Client()
    client.force_login(user)
    return client


def knock(client: Client, door: Door, verb: str, row: models.Model | None) -> int:
    """The status; of a door of a row where none is made in this test that of a row that is not there."""
    address = reverse(f"admin:{door.pattern.name}", args=[row.pk if row else 10**9] if door.of_a_row else [])
    with transaction.atomic():
        status = client.generic(verb, address).status_code
        transaction.set_rollback(True)
    return status


def test_every_address_is_in_a_table() -> None:
    assert set(OBJECTS) == {model._meta.label_lower for model in admin.site._registry}
    missing = []
    for route, _pattern in ALL:
        if route.startswith("admin/"):
            continue  # DOORS: a name that is no object's and not among those for all staff raises StopIteration
        address = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", route)
        if address.startswith("/api/"):
            known = address in {each for each, _verb in API}
        else:
            beginnings = [each for each in (*PAGES, *REVIEWING, *ACCOUNT) if each != "/"]
            known = address in PAGES or address.startswith(tuple(beginnings))
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


def answers_allowed(door: Door, row: models.Model | None, *, opens: bool) -> set[int] | None:
    """The statuses that are right; None: every one but 403, 404 and failures."""
    if door.of_a_row and row is None:
        # Django looks for the row of a history before it asks who wants to see it.
        return {404} if opens else {403, 404} if door.name == "history" else {403}
    return None if opens else {403}


def tried(client: Client, role: Role, door: Door, verb: str, world: World) -> Iterator[tuple[int, str]]:
    """What was wrong: the status, and which row it was of."""
    label = f"{door.model._meta.app_label}_{door.model._meta.model_name}"
    opens = role == Role.ADMIN or permission_of(door, verb) in permissions_of(role)
    opens = opens and not is_closed(door, verb)
    row = world.rows[label] if door.of_a_row else None
    status = knock(client, door, verb, row)
    if label == "labeling_apitoken" and row is not None and role != Role.ADMIN:
        right: set[int] | None = {404} if opens else {403, 404}  # another account's token is as if it were not there
    else:
        right = answers_allowed(door, row, opens=opens)
    if status >= 500 or (status in (403, 404) if right is None else status not in right):
        yield status, "own, which it opens" if opens else "own, which it does not open"
    hidden = world.others.get(label) if door.of_a_row and role == Role.CAMPAIGN_MANAGER and opens else None
    if hidden is not None and (status := knock(client, door, verb, hidden)) != 404:
        yield status, "another campaign's"


@pytest.mark.usefixtures("blank_pages")
def test_every_role_tries_every_door_of_the_admin(world: World) -> None:
    """One test for all: to make one of everything takes longer than to try it."""
    wrong = []
    for role in ROLES:
        client = somebody(role, world.own)
        for door in DOORS:
            for verb in ("GET", "POST"):
                if (door.name, verb) != ("progress", "POST"):
                    wrong += [(role, verb, door.route, *each) for each in tried(client, role, door, verb, world)]
    assert wrong == []


@pytest.mark.usefixtures("blank_pages")
def test_visitors_and_labelers_are_led_from_the_admin_to_the_log_in(world: World) -> None:
    labeler = browser_of(make_labeler("zoe"))
    for client in (Client(), labeler):
        for door in DOORS:
            row = world.rows[f"{door.model._meta.app_label}_{door.model._meta.model_name}"] if door.of_a_row else None
            assert knock(client, door, "GET", row) == 302, door.route


def test_every_role_tries_every_address_of_the_api(world: World) -> None:
    wrong = []
    prompt = Prompt.objects.filter(campaign=world.own).latest("pk")
    hidden = Prompt.objects.exclude(campaign=world.own).latest("pk")
    ids = {"snapshots": Snapshot, "training-runs": TrainingRun, "webhooks": Webhook}
    for role in ROLES:
        somebody(role, world.own)
        user = User.objects.get(username=role.lower().replace(" ", "-"))
        _row, secret = make_token(user=user, name="x", scopes=list(ApiScope))
        program = Client(headers={"Authorization": f"Bearer {secret}"})
        for (address, verb), cells in API.items():
            kind = address.split("/")[3]
            pk = prompt.pk if kind == "prompts" else world.rows["labeling_modelversion"].pk
            if kind in ids:
                pk = ids[kind].objects.latest("pk").pk
            for campaign, row in ((world.own, pk), (hidden.campaign, hidden.pk)):
                if campaign != world.own and not ("<slug>" in address or kind == "prompts"):
                    continue
                real = filled(address, slug=campaign.slug, pk=row)
                with transaction.atomic():
                    answer = program.generic(verb, real, "{}", content_type="application/json")
                    transaction.set_rollback(True)
                expected = expected_of(cells[role], own=campaign == world.own)
                if "<token>" in address and expected == 200:
                    expected = 404  # somebody else's request
                if _kind_of(answer.status_code) != expected:
                    wrong.append((role, verb, real, answer.status_code, expected))
    assert wrong == []
    for (address, verb), cells in API.items():
        if "everybody" not in cells.values():
            assert Client().generic(verb, filled(address, slug=world.own.slug, pk=1)).status_code == 401, address


def filled(address: str, *, slug: str, pk: int) -> str:
    return address.replace("<slug>", slug).replace("<pk>", str(pk)).replace("<token>", str(uuid4()))


def expected_of(cell: str, *, own: bool) -> int:
    if cell == "no":
        return 403
    return 404 if cell == "own" and not own else 200


def _kind_of(status: int) -> int:
    """200: it went through the door, whatever then was wrong with what was sent."""
    return 200 if status in (200, 201, 202, 204, 400, 422, 503) else status


def test_pages_for_labelers_lead_visitors_to_the_log_in_and_hide_what_is_others(world: World) -> None:
    stranger, staff = browser_of(make_labeler("zoe")), Client()
    staff.force_login(User.objects.create_user("erin", is_staff=True))
    labeler = world.own.assignments.first().labeler
    tokens = {
        "work": labeler.assignments.filter(state="open").latest("pk").token,
        "history": labeler.assignments.filter(state="submitted").latest("pk").token,
        "revise": labeler.assignments.filter(revisions__state="open").latest("pk").revisions.get(state="open").token,
    }
    wrong = []
    for route, _pattern in ALL:
        longer = [each for each in PAGES if each != "/" and f"/{route}".startswith(each)]
        first = longer[0] if longer else "/" if not route else None
        if first is None:
            continue
        token = tokens.get(route.split("/")[0], uuid4())
        address = "/" + re.sub(r"<uuid:(\w+)>", str(token), route)
        address = re.sub(r"<int:\w+>", "1", re.sub(r"<slug:slug>", world.own.slug, address))
        address = address.replace("<slug:kind>", "own_prompt")
        for verb in ("GET", "POST"):
            status = Client().generic(verb, address).status_code
            if status not in (302, 401, 403, 405):
                wrong.append((verb, address, status, "visitor"))
            if "<uuid:" in route and PAGES[first][2] == "404":
                status = stranger.generic(verb, address).status_code
                if status not in (404, 405):
                    wrong.append((verb, address, status, "another labeler"))
            if "place" in PAGES[first][3]:
                answer: Any = staff.generic(verb, address)
                if answer.status_code != 405 and 'href="/admin/"' not in answer.text:
                    wrong.append((verb, address, answer.status_code, "staff"))
    assert wrong == []
