"""The start page shows nothing that a labeler has not agreed to see."""

import re

import pytest
from django.test import Client

from labeling.base.states import ContentWarning
from labeling.desk.services.assignments import ASSIGNMENTS, claim_demonstration
from labeling.desk.services.leases import give_back
from labeling.models import Labeler
from tests.labeling.cast import make_campaign, make_prompt

pytestmark = pytest.mark.django_db


def test_a_prompt_with_a_content_warning_is_shown_once_its_work_is_begun(client: Client, alice: Labeler) -> None:
    make_prompt(make_campaign(), text="A story of a battle", content_warnings=[ContentWarning.VIOLENCE])
    held = claim_demonstration(labeler=alice)
    assert held is not None
    html = client.get("/").content.decode()
    assert "With a content warning: nothing of it is shown here." in html
    assert "A story of a battle" not in html
    page = re.sub("<dialog.*?</dialog>", "", client.get(f"/work/{held.token}/").content.decode(), flags=re.DOTALL)
    assert "autofocus" not in page
    ASSIGNMENTS.save_draft(labeler=alice, token=str(held.token), draft={"text": ["Begun."]}, base_version=0)
    assert "A story of a battle" in client.get("/").content.decode()
    give_back(assignment_ids=[held.pk])
    assert "A story of a battle" in client.get("/").content.decode()
