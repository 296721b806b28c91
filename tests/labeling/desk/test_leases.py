"""Leases: renewed by whoever is at work, taken back by a save, and said where they are lost."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from labeling.base.states import AssignmentKind, AssignmentState
from labeling.desk.services.assignments import claim_demonstration, claim_ranking
from labeling.desk.services.leases import close_campaign, release_expired_leases
from labeling.models import Assignment, Labeler
from tests.labeling.cast import browser_of, make_campaign, make_prompt, make_ready_task, ranking_form_data

pytestmark = pytest.mark.django_db

CLAIMS = {AssignmentKind.RANKING: claim_ranking, AssignmentKind.DEMONSTRATION: claim_demonstration}


@pytest.fixture(params=list(AssignmentKind))
def held(request: pytest.FixtureRequest, alice: Labeler) -> Assignment:
    make_ready_task(make_prompt(make_campaign(lease_minutes=10)))
    claimed = CLAIMS[request.param](labeler=alice)
    assert claimed is not None
    return claimed


def run_out(held: Assignment) -> None:
    Assignment.objects.filter(pk=held.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert release_expired_leases() == 1


def save(client: Client, held: Assignment, text: str = "So.", base_version: int = 0) -> Any:
    body = {"draft": {"note": [text]}, "base_version": base_version}
    return client.put(f"/work/{held.token}/draft/", body, "application/json")


def at_work(client: Client, held: Assignment) -> Any:
    return client.post(f"/work/{held.token}/hold/", {"at_work": "1"})


class TestReading:
    def test_renews_the_lease_however_long_it_takes(self, client: Client, held: Assignment) -> None:
        Assignment.objects.filter(pk=held.pk).update(
            claimed_at=timezone.now() - timedelta(hours=5), expires_at=timezone.now() + timedelta(seconds=20)
        )
        assert at_work(client, held).status_code == 204
        held.refresh_from_db()
        assert held.expires_at > timezone.now() + timedelta(minutes=9)
        assert release_expired_leases() == 0

    def test_takes_back_what_ran_out_meanwhile(self, client: Client, held: Assignment) -> None:
        run_out(held)
        assert at_work(client, held).status_code == 204
        held.refresh_from_db()
        assert (held.state, held.closed_at) == (AssignmentState.OPEN, None)

    def test_is_told_where_somebody_else_has_it(self, client: Client, held: Assignment, bob: Labeler) -> None:
        run_out(held)
        assert CLAIMS[AssignmentKind(held.kind)](labeler=bob)
        assert at_work(client, held).status_code == 409

    def test_of_closed_work_renews_nothing(self, client: Client, held: Assignment, bob: Labeler) -> None:
        client.post(f"/work/{held.token}/skip/", {"skip_reason": "unclear"})
        assert at_work(client, held).status_code == 410
        assert at_work(browser_of(bob), held).status_code == 404

    def test_pages_of_work_renew_it(self, client: Client, held: Assignment) -> None:
        page = client.get(f"/work/{held.token}/").content.decode()
        assert "desk/lease" in page
        assert f'data-hold="/work/{held.token}/hold/"' in page


class TestSavingOnALapsedLease:
    def test_takes_it_back(self, client: Client, held: Assignment) -> None:
        run_out(held)
        assert save(client, held).json()["standing"] == ""
        held.refresh_from_db()
        assert held.state == AssignmentState.OPEN
        assert held.expires_at > timezone.now()
        work = held.task or held.prompt
        assert (getattr(work, "rankings_open", None) or getattr(work, "demonstrations_open", None)) == 1

    def test_says_that_somebody_else_has_it_and_keeps_the_text(
        self, client: Client, held: Assignment, bob: Labeler
    ) -> None:
        run_out(held)
        theirs = CLAIMS[AssignmentKind(held.kind)](labeler=bob)
        assert theirs
        assert save(client, held).json()["standing"] == "lapsed"
        held.refresh_from_db()
        assert (held.state, held.draft) == (AssignmentState.LAPSED, {"note": ["So."]})
        browser_of(bob).post(f"/work/{theirs.token}/skip/", {"skip_reason": "unclear"})
        assert save(client, held, "And so.", base_version=1).json()["standing"] == ""  # the place is free again
        held.refresh_from_db()
        assert held.state == AssignmentState.OPEN

    def test_leaves_it_while_another_one_is_open(self, client: Client, held: Assignment, alice: Labeler) -> None:
        save(client, held)
        run_out(held)
        make_ready_task(make_prompt(make_campaign()))
        other = CLAIMS[AssignmentKind(held.kind)](labeler=alice)
        assert other not in (None, held)
        answer = save(client, held, "And so.", base_version=1)
        assert (answer.status_code, answer.json()["standing"]) == (200, "lapsed")
        work = held.task or held.prompt
        work.refresh_from_db()
        assert (work.rankings_open if held.task else work.demonstrations_open) == 0  # type: ignore[union-attr]

    def test_of_a_closed_campaign_stays_lapsed(self, client: Client, held: Assignment) -> None:
        close_campaign(campaign=held.campaign)
        save(client, held)
        held.refresh_from_db()
        assert held.state == AssignmentState.LAPSED


class TestUntouchedWork:
    def test_that_ran_out_is_offered_again_under_the_same_address(
        self, client: Client, held: Assignment, alice: Labeler
    ) -> None:
        run_out(held)
        assert client.get("/").content.decode().count(f'data-available="{held.kind}"') == 1
        address = client.post(f"/next/{held.kind}/")["Location"]
        assert address == f"/work/{held.token}/"
        assert client.get(address).status_code == 200

    def test_can_be_handed_in_then(self, client: Client, held: Assignment) -> None:
        run_out(held)
        client.post(f"/next/{held.kind}/")
        form_data = ranking_form_data([1, 2, 3, 4]) | {"text": "Because of the air."}
        client.post(f"/work/{held.token}/submit/", form_data)
        held.refresh_from_db()
        assert held.state == AssignmentState.SUBMITTED
        assert Assignment.objects.count() == 1
