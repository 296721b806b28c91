"""A labeler is suspended: what they hold, and what becomes of the labels that they have given."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.base.states import AssignmentState, LabelerState
from labeling.desk.services.accounts import close_account
from labeling.desk.services.assignments import claim_ranking
from labeling.exports.queries import exclusion_of
from labeling.exports.services.exclusions import leave_out
from labeling.models import Assignment, Labeler, Ranking
from labeling.people.services import change_labeler_state
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task, ranking_form_data
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db


def suspend(labeler: Labeler, **sent: Any) -> Any:
    address = reverse("admin:labeling_labeler_suspend", args=[labeler.pk])
    answer = admin_browser(name=f"olga-{timezone.now():%f}").post(
        address, {"held_work_hours": "0", "labels": "keep", "since": "", "reason": ""} | sent
    )
    labeler.refresh_from_db()
    return answer


@pytest.fixture
def held(alice: Labeler) -> Assignment:
    """Alice has handed one ranking in and holds another."""
    campaign = make_campaign()
    for _ in range(2):
        make_ready_task(make_prompt(campaign))
    rank(alice, [1, 2, 3, 4])
    assignment = claim_ranking(labeler=alice)
    assert assignment
    return assignment


def test_labels_are_kept_unless_they_are_left_out_by_choice(alice: Labeler, held: Assignment) -> None:
    suspend(alice)
    held.refresh_from_db()
    assert (alice.state, held.state, exclusion_of(alice)) == (LabelerState.SUSPENDED, AssignmentState.LAPSED, None)


def test_labels_are_left_out_from_a_day_on_and_never_deleted(alice: Labeler, held: Assignment) -> None:
    unsaid = suspend(alice, labels="leave_out")
    assert unsaid.status_code == 422
    assert "Say why the labels are left out." in unsaid.content.decode()
    assert alice.state == LabelerState.ACTIVE
    suspend(alice, labels="leave_out", since="2026-03-01", reason="Copied from a model.")
    exclusion = exclusion_of(alice)
    assert exclusion is not None
    assert exclusion.since is not None
    assert (exclusion.reason, exclusion.since.date().isoformat()) == ("Copied from a model.", "2026-03-01")
    assert Ranking.objects.filter(labeler=alice).count() == 1


def test_nothing_is_done_by_halves(alice: Labeler, held: Assignment) -> None:
    leave_out(target=alice, reason="Before.")
    refused = suspend(alice, labels="leave_out", reason="Again.")
    assert refused.status_code == 422
    assert "is left out already" in refused.content.decode()
    held.refresh_from_db()
    assert (alice.state, held.state) == (LabelerState.ACTIVE, AssignmentState.OPEN)


def test_held_work_may_be_finished_where_that_is_granted(client: Client, alice: Labeler, held: Assignment) -> None:
    suspend(alice, held_work_hours="2")
    address = reverse("work", args=[held.token])
    html = client.get("/").content.decode()
    assert "What you hold may be handed in until" in html
    assert address in html
    assert client.post(f"{address}submit/", ranking_form_data([1, 2, 3, 4])).status_code == 302
    held.refresh_from_db()
    assert held.state == AssignmentState.SUBMITTED
    assert "next/ranking" not in client.get("/").content.decode()
    # Nothing new is begun, and no second thoughts either.
    again = client.post(reverse("submission_revise", args=[held.token]))
    assert again.status_code == 409
    # Whoever is admitted again and suspended once more begins anew.
    change_labeler_state(labeler=alice, state=LabelerState.ACTIVE)
    alice.refresh_from_db()
    assert alice.held_work_until is None


def test_a_closed_account_finishes_nothing(alice: Labeler, held: Assignment) -> None:
    suspend(alice, held_work_hours="2")
    close_account(user=alice.user, by=User.objects.create_superuser("otto"))
    held.refresh_from_db()
    alice.refresh_from_db()
    assert (held.state, alice.finishing_until) == (AssignmentState.LAPSED, None)


def test_when_the_time_is_over_nothing_more_is_taken(client: Client, alice: Labeler, held: Assignment) -> None:
    suspend(alice, held_work_hours="2")
    Labeler.objects.update(held_work_until=timezone.now() - timedelta(minutes=1))
    address = reverse("work", args=[held.token])
    assert client.post(f"{address}submit/", ranking_form_data([1, 2, 3, 4])).status_code == 409
    assert Ranking.objects.filter(labeler=alice).count() == 1
