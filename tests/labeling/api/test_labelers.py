"""Labelers over the API: the languages and skills by which work is routed to them."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labeling.base.states import ApiScope
from labeling.models import Change, Labeler
from labeling.people.roles.rules import Role
from labeling.people.roles.services import set_roles
from labeling.people.skills.services import add_skill
from tests.labeling.api.programs import make_account, program_of
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db
JSON = "application/json"


def address(labeler: Labeler) -> str:
    return f"/api/v1/labelers/{labeler.pk}/"


def test_a_program_reads_and_sets_what_work_is_routed_by(program: Client, alice: Labeler, bob: Labeler) -> None:
    for slug in ("law", "latin"):
        add_skill(slug=slug, name={"en": slug.title()})
    assert [each["slug"] for each in program.get("/api/v1/skills/").json()["results"]] == ["latin", "law"]

    sent = program.patch(address(alice), {"skills": ["law", "latin", "law"], "languages": ["zh_Hans", "en"]}, JSON)
    assert sent.status_code == 200
    assert (sent.json()["skills"], sent.json()["languages"]) == (["latin", "law"], ["zh", "en"])
    assert Change.objects.filter(table_name="labeling_labeler", row_id=alice.pk, actor="petra").exists()
    assert program.patch(address(alice), {"skills": ["law"]}, JSON).json()["languages"] == ["zh", "en"]
    one = program.get(address(alice)).json()
    assert (one["username"], one["pseudonym"], one["skills"]) == ("alice", alice.pseudonym, ["law"])

    def listed(**query: str) -> list[str]:
        return [each["username"] for each in program.get("/api/v1/labelers/", query).json()["results"]]

    assert listed() == ["bob", "alice"]
    assert listed(skill="law") == listed(username="alice") == ["alice"]
    assert listed(language="en") == ["bob", "alice"]
    assert bob.skills == []


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"skills": ["greek"]}, 422, "There is no such skill: greek"),
        ({"languages": ["klingon"]}, 422, "klingon"),
        ({"languages": []}, 400, "languages"),
        ({"skill": ["law"]}, 400, "Known are languages, skills"),
        ({"group": "held_out"}, 400, "This field is unknown"),
    ],
)
def test_what_can_not_be_is_refused_by_name_and_nothing_changes(
    program: Client, alice: Labeler, sent: dict[str, object], status: int, said: str
) -> None:
    refused = program.patch(address(alice), sent, JSON)
    assert refused.status_code == status
    assert said in refused.text
    alice.refresh_from_db()
    assert (alice.languages, alice.skills, alice.group) == (["en", "zh"], [], "training")


def test_a_manager_sees_who_worked_for_them_and_only_admins_change(alice: Labeler, bob: Labeler) -> None:
    campaign = make_campaign()
    make_ready_task(make_prompt(campaign))
    rank(alice, [1, 2, 3, 4])
    mia = User.objects.create_user("mia")
    set_roles(user=mia, roles=frozenset({Role.CAMPAIGN_MANAGER}))
    campaign.managers.add(mia)
    program = program_of(User.objects.get(pk=mia.pk))
    assert [each["username"] for each in program.get("/api/v1/labelers/").json()["results"]] == ["alice"]
    assert program.get(address(bob)).status_code == 404
    assert program.patch(address(alice), {"skills": []}, JSON).status_code == 403
    reader = program_of(make_account("rob"), scopes=[ApiScope.LABELERS_READ])
    assert reader.get(address(bob)).status_code == 200
    assert reader.patch(address(bob), {"skills": []}, JSON).status_code == 403
    assert make_labeler("carol").skills == []
