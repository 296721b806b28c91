"""The trail: who changed what from which value to which, by whichever door, in one list that can be searched."""

import csv
import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils.translation import gettext, override

from config.process_name import LONGEST, process_name
from labeling.base.states import ModelState
from labeling.base.trail.actors import acting_as
from labeling.base.trail.admin import model_of
from labeling.base.trail.columns import column_name
from labeling.base.trail.triggers import PERMISSIONS, RECORDED
from labeling.campaigns.services.campaigns import change_campaign
from labeling.models import Campaign, Change, Labeler, ModelVersion
from labeling.people.roles.rules import Role
from labeling.people.roles.services import set_roles
from labeling.ranking_tasks.services.setting_aside import set_prompt_aside
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import browser_of, make_campaign, make_labeler, make_prompt, make_ready_task

pytestmark = pytest.mark.django_db

TRAIL = reverse("admin:labeling_change_changelist")


def test_each_column_of_ours_has_a_name_in_chinese() -> None:
    tables = [model_of(table) for table in RECORDED if table.startswith("labeling_")]
    columns = {
        column_name(field.column) for table in tables if table for field in table._meta.concrete_fields if field.column
    }
    with override("zh-hans"):
        assert {name for name in columns if gettext(name) == name} == {"id"}


def changes(table: str, action: str = "update") -> list[Change]:
    return list(Change.objects.filter(table_name=f"labeling_{table}", action=action).order_by("pk"))


def test_an_admin_who_closes_a_campaign_is_named_with_both_values() -> None:
    campaign = make_campaign()
    client = admin_browser()
    client.post(reverse("admin:labeling_campaign_pause", args=[campaign.pk]))
    change = changes("campaign")[-1]
    assert (change.actor, change.row_id, change.row_name) == ("olga", campaign.pk, campaign.name)
    assert change.changes == {"state": ["active", "paused"]}
    make_campaign()
    assert changes("campaign", "insert")[-1].actor != "olga"  # who acts next on the connection is not taken for them


def test_updates_of_many_rows_are_recorded_row_by_row_and_unchanged_ones_are_not() -> None:
    campaigns = [make_campaign(priority=number) for number in (1, 2, 3)]
    with acting_as("command"):
        Campaign.objects.update(priority=2)
    found = [change for change in changes("campaign") if "priority" in change.changes]
    # In which order an UPDATE comes to the rows is PostgreSQL's own affair.
    assert sorted((each.row_id, each.changes["priority"], each.actor) for each in found) == [
        (campaigns[0].pk, [1, 2], "command"),
        (campaigns[2].pk, [3, 2], "command"),
    ]


def test_a_promotion_by_a_worker_is_recorded_as_the_worker_s() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('application_name', 'worker of training', true)")
    old = ModelVersion.objects.create(kind="sft", name="old", path="/old", state="current")
    new = ModelVersion.objects.create(kind="sft", name="new", path="/new", state="candidate")
    old.move(to=ModelState.RETIRED)
    new.move(to=ModelState.CURRENT)
    states = {change.row_id: change.changes["state"] for change in changes("modelversion") if "state" in change.changes}
    assert states[new.pk] == ["candidate", "current"]
    assert states[old.pk] == ["current", "retired"]
    assert {change.actor for change in changes("modelversion")} == {"worker of training"}


def test_labelers_are_named_where_they_change_their_own_preferences(alice: Labeler) -> None:
    form_data = {"time_zone": "Asia/Shanghai", "break_minutes": "30", "opt_outs": ["violence"]}
    browser_of(alice).post("/preferences/", form_data)
    change = changes("labeler")[-1]
    assert change.actor == "alice"
    assert change.changes["opt_outs"] == [[], ["violence"]]
    assert change.changes["time_zone"] == ["", "Asia/Shanghai"]


def test_work_itself_leaves_no_trail(alice: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign()))
    browser = browser_of(alice)
    before = Change.objects.count()
    browser.post("/next/ranking/")
    assert Change.objects.count() == before


def test_accounts_are_recorded_and_their_secrets_are_not() -> None:
    user = User.objects.create_user("grace", password="correct horse battery")
    user.set_password("another horse battery")
    user.is_staff = True
    user.save()
    user.groups.add(Group.objects.create(name="Reviewers"))
    user.delete()
    found = Change.objects.filter(table_name="auth_user", row_id__isnull=False).order_by("pk")
    assert [change.action for change in found][-3:] == ["insert", "update", "delete"]
    update = found.get(action="update")
    assert update.changes == {"is_staff": [False, True], "password": ["…", "…"]}
    assert {change.action for change in Change.objects.filter(table_name="auth_user_groups")} == {"insert", "delete"}


def test_roles_permissions_and_whose_campaign_it_is_are_recorded_by_name() -> None:
    campaign, grace = make_campaign(name="Tea"), User.objects.create_user("grace")
    with acting_as("olga"):
        set_roles(user=grace, roles=frozenset({Role.CAMPAIGN_MANAGER}))
        campaign.managers.add(grace)
        own = Group.objects.create(name="Night shift")
        own.permissions.set(Permission.objects.filter(codename__in=["view_prompt", "view_ranking"]))
        own.permissions.clear()
        grace.user_permissions.add(Permission.objects.get(codename="view_campaign"))
    found = [
        (change.table_name, change.row_name, change.changes)
        for change in Change.objects.filter(actor="olga").order_by("pk")
    ]
    assert found == [
        ("auth_user_groups", "grace", {"group": [None, "Campaign manager"]}),
        ("auth_user", "grace", {"is_staff": [False, True]}),
        ("labeling_campaign_managers", "Tea", {"manager": [None, "grace"]}),
        ("auth_group", "Night shift", {}),
        ("auth_group", "Night shift", {"permissions": [[], ["view_prompt", "view_ranking"]]}),
        ("auth_group", "Night shift", {"permissions": [["view_prompt", "view_ranking"], []]}),
        ("auth_user", "grace", {"permissions": [[], ["view_campaign"]]}),
    ]


def test_nobody_changes_the_trail() -> None:
    make_campaign()
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        Change.objects.update(actor="somebody else")


class TestTheList:
    @pytest.fixture(autouse=True)
    def changed(self) -> Campaign:
        campaign = make_campaign(name="Tea")
        with acting_as("worker of training"):
            change_campaign(campaign=campaign, rankings_per_task=3, description="About oolong")
        set_prompt_aside(prompt=make_prompt(campaign), reason="Blurred")
        return campaign

    @pytest.mark.parametrize("words", ["oolong", "rankings_per_task", "worker of training", "Tea"])
    def test_finds_a_change_by_value_field_actor_and_name(self, words: str) -> None:
        page = admin_browser().get(TRAIL, {"q": words}).content.decode()
        assert "<b>rankings per task</b> 1 → 3" in page
        assert "– → About oolong" in page
        assert "Blurred" not in page

    def test_is_narrowed_to_a_kind_of_row_and_leads_to_it(self) -> None:
        client = admin_browser()
        page = client.get(TRAIL, {"table_name": "labeling_prompt"}).content.decode()
        assert "– → Blurred" in page
        assert "oolong" not in page
        (change,) = changes("prompt")
        assert reverse("admin:labeling_prompt_change", args=[change.row_id]) in page
        assert "Blurred" in client.get(reverse("admin:labeling_change_change", args=[change.pk])).text

    def test_comes_as_csv_under_the_same_filters(self) -> None:
        client = admin_browser()
        page = client.get(TRAIL, {"q": "oolong"})
        link = reverse("admin:labeling_change_csv", query={"q": "oolong"})
        assert link in page.text
        lines = list(csv.DictReader(io.StringIO(client.get(link).getvalue().decode("utf-8-sig"))))
        assert [(line["who"], line["row_name"]) for line in lines] == [("worker of training", "Tea")]
        assert json.loads(lines[0]["changes"])["description"] == ["", "About oolong"]
        back = client.get(reverse("admin:labeling_change_csv", query={"colour": "red"}))
        assert back["Location"] == f"{TRAIL}?e=1"
        assert admin_browser("labeling.view_prompt", name="paul").get(link).status_code == 403

    def test_reads_in_chinese_too(self) -> None:
        client = admin_browser()
        client.cookies["django_language"] = "zh-hans"
        assert "从什么值改为什么值" in client.get(TRAIL).content.decode()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["manage.py", "register_model", "--kind", "sft"], "manage.py register_model ("),
        (["/usr/bin/celery", "-A", "config.celery", "worker", "-Q", "training"], "worker of training"),
        (["/x/celery/__main__.py", "-A", "config.celery", "worker", "--queues=a,b"], "worker of a,b"),
        (["celery", "-A", "config.celery", "beat"], "beat"),
        (["/venv/bin/gunicorn", "config.wsgi"], "web"),
    ],
)
def test_processes_name_themselves(arguments: list[str], name: str) -> None:
    assert process_name(arguments).startswith(name)


def test_the_connection_says_which_process_it_is() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW application_name")
        said: Any = cursor.fetchone()[0]
    assert said
    assert len(process_name(["manage.py", "x" * 100])) == LONGEST


def test_every_recorded_table_has_its_triggers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE 'concord_trail%'")
        assert {row[0] for row in cursor.fetchall()} == {*RECORDED, *PERMISSIONS}


def test_staff_and_labelers_are_told_apart(alice: Labeler) -> None:
    assert make_labeler("bob")
    assert browser_of(alice).get(TRAIL).status_code == 302
