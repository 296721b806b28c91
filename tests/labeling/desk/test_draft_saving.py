"""Drafts over the wire: versioned, kept whatever happens to the lease, refused once the work is closed."""

from typing import Any

import pytest
from django.test import Client

from labeling.base.states import AssignmentState
from labeling.desk.services.assignments import claim_ranking
from labeling.desk.services.leases import release
from labeling.models import Assignment, Labeler
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task, ranking_form_data
from tests.labeling.markup import compact

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(alice: Labeler) -> Assignment:
    make_ready_task(make_prompt(make_campaign()))
    claimed = claim_ranking(labeler=alice)
    assert claimed is not None
    return claimed


def save(client: Client, held: Assignment, draft: Any, base_version: Any = 0) -> Any:
    body = {"draft": draft, "base_version": base_version}
    return client.put(f"/work/{held.token}/draft/", body, "application/json")


def test_a_draft_is_saved_and_comes_back_with_the_page(client: Client, held: Assignment) -> None:
    answer = save(client, held, {"1-rank": ["2"], "1-flags": ["fails_task"], "note": ["Half way."]})
    assert answer.status_code == 200
    assert answer.json()["version"] == 1
    assert answer.json()["saved_at"]
    html = compact(client.get(f"/work/{held.token}/").content.decode())
    assert 'name="draft_version" value="1"' in html
    assert 'name="1-rank" value="2" checked' in html
    assert 'name="1-flags" value="fails_task" checked' in html
    assert "Half way." in html
    assert "Not submitted yet" not in html


def test_the_second_of_two_tabs_is_told_what_the_first_saved(client: Client, held: Assignment) -> None:
    save(client, held, {"note": ["First tab."]})
    answer = save(client, held, {"note": ["Second tab."]}, base_version=0)
    assert answer.status_code == 409
    assert answer.json() == {"version": 1, "draft": {"note": ["First tab."]}, "page": ""}
    assert save(client, held, {"note": ["Second tab."]}, base_version=1).json()["version"] == 2


def test_a_lapsed_lease_still_keeps_drafts(client: Client, held: Assignment) -> None:
    release(assignments=[held], state=AssignmentState.LAPSED, now=held.expires_at)
    assert save(client, held, {"note": ["Late."]}).status_code == 200


def test_work_that_was_handed_in_takes_no_draft(client: Client, held: Assignment) -> None:
    client.post(f"/work/{held.token}/submit/", ranking_form_data([1, 2, 3, 4]))
    answer = save(client, held, {"note": ["Too late."]})
    assert (answer.status_code, answer.json()) == (410, {"state": "submitted"})


def test_work_that_was_skipped_takes_no_draft(client: Client, held: Assignment) -> None:
    client.post(f"/work/{held.token}/skip/", {"skip_reason": "broken"})
    answer = save(client, held, {"note": ["Too late."]}, base_version=1)
    assert (answer.status_code, answer.json()) == (410, {"state": "skipped"})


@pytest.mark.parametrize("draft", [None, "text", [1], {"note": "alone"}, {"note": [1]}, {"note": ["x" * 1_000_001]}])
def test_what_is_no_draft_is_refused_in_words(client: Client, held: Assignment, draft: Any) -> None:
    answer = save(client, held, draft)
    assert answer.status_code == 400
    assert answer.json()["draft"]


@pytest.mark.parametrize("version", [-1, "new", None, 2**40])
def test_a_version_that_is_none_is_refused(client: Client, held: Assignment, version: Any) -> None:
    assert save(client, held, {}, base_version=version).status_code == 400


def test_characters_that_postgres_refuses_are_kept_visibly(client: Client, held: Assignment) -> None:
    body = '{"draft": {"note": ["a\\u0000b\\ud800c"]}, "base_version": 0}'
    assert client.put(f"/work/{held.token}/draft/", body, "application/json").status_code == 200
    held.refresh_from_db()
    assert held.draft == {"note": ["a\ufffdb\ufffdc"]}


def test_the_forms_safety_token_is_no_part_of_the_draft(client: Client, held: Assignment) -> None:
    client.post(f"/work/{held.token}/submit/", {"csrfmiddlewaretoken": "x" * 64, "note": "n"})
    held.refresh_from_db()
    assert held.draft == {"note": ["n"]}


def test_who_is_logged_out_is_told_so(held: Assignment) -> None:
    assert save(Client(), held, {}).status_code == 403


def test_a_request_without_the_safety_token_is_refused(held: Assignment, alice: Labeler) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice.user)
    assert save(client, held, {"note": ["x"]}).status_code == 403
