"""Skills of many labelers at once, as an admin pastes them: all of them or none."""

import pytest
from django.urls import reverse

from labeling.models import Change, Labeler
from labeling.people.skills.services import GivenSkills, add_skill, read_skills
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import make_labeler

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "text", ['username,skills\nalice,"law, latin"\n\nbob', "alice,latin,law\nbob,\n", "alice\tlaw, latin\nbob\t"]
)
def test_lines_are_read_as_csv_or_as_a_spreadsheet_pastes_them(text: str) -> None:
    assert [(each.username, each.skills) for each in read_skills(text)] == [("alice", ["latin", "law"]), ("bob", [])]
    assert read_skills("username,skills\n\n") == []
    assert read_skills("alice,law")[0] == GivenSkills(line=1, username="alice", skills=["law"])


def test_an_admin_gives_skills_to_many_and_is_told_which_lines_are_wrong(alice: Labeler, bob: Labeler) -> None:
    for slug in ("law", "latin"):
        add_skill(slug=slug, name={"en": slug.title()})
    olga, address = admin_browser(), reverse("admin:labeling_labeler_give_skills")
    assert address in olga.get(reverse("admin:labeling_labeler_changelist")).text
    refused = olga.post(address, {"lines": "alice,law\ncarol,law\nbob,greek\nalice,latin"})
    assert refused.status_code == 422
    for said in ("line 2: nobody named “carol”", "line 3: there is no such skill: greek", "line 4: “alice” stands in"):
        assert said in refused.text
    assert "bob,greek" in refused.text, "what was typed is kept"
    assert not Labeler.objects.exclude(skills=[]).exists()

    done = olga.post(address, {"lines": "username,skills\nalice,law,latin\nbob,"}, follow=True)
    assert texts_of(done) == ["1 labeler has other skills from now on."]
    alice.refresh_from_db()
    assert alice.skills == ["latin", "law"]
    assert Change.objects.filter(table_name="labeling_labeler", row_id=alice.pk, actor="olga").exists()
    assert admin_browser("labeling.view_labeler", name="mia").get(address).status_code == 403
    assert make_labeler("carol").skills == []
