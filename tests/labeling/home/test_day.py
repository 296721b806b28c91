"""A labeler's day, in their own time zone, and what they choose for themselves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from labeling.base.refusals import LabelerRefused
from labeling.desk.demonstrating.services import submit_demonstration
from labeling.desk.ranking.services import Judgement, fields_of_ranking, revise_ranking, submit_ranking
from labeling.desk.rules.working_time import LONGEST_PAUSE_MINUTES
from labeling.desk.services.assignments import claim_demonstration, claim_ranking, hold_through_pause
from labeling.desk.services.revisions import start_revision
from labeling.home.queries.day import day_of
from labeling.models import Assignment, Labeler
from labeling.people.queries import beginning_of_today
from labeling.people.services import change_preferences
from lm.snapshot.records.constants import FEWEST_PAIRS
from tests.labeling.cast import browser_of, make_campaign, make_prompt, make_ready_task
from tests.labeling.markup import compact

pytestmark = pytest.mark.django_db

Counted = Callable[..., Any]


def rank(labeler: Labeler, ranks: list[int], seconds: float = 60) -> str:
    held = claim_ranking(labeler=labeler)
    assert held is not None
    by_completion = dict(zip(sorted(held.shown_order), ranks, strict=True))
    judgements = [
        Judgement(shown_position=position, rank=by_completion[completion])
        for position, completion in enumerate(held.shown_order, start=1)
    ]
    submit_ranking(labeler=labeler, token=str(held.token), judgements=judgements, active_seconds=seconds)
    return str(held.token)


def test_the_day_counts_by_kind_and_campaign(client: Client, alice: Labeler) -> None:
    """Time at work: tests/labeling/desk/test_working_time.py."""
    everyday, law = make_campaign(name="Everyday"), make_campaign(name="Law")
    for campaign in (everyday, law):
        make_ready_task(make_prompt(campaign, demonstrations_needed=1))
    token = rank(alice, [1, 2, 3, 4])
    rank(alice, [1, 2, 3, 4])
    held = claim_demonstration(labeler=alice)
    assert held is not None
    submit_demonstration(labeler=alice, token=str(held.token), text="So.", active_seconds=300)
    judgements = [Judgement(shown_position=position, rank=1) for position in range(1, 5)]
    begun = start_revision(labeler=alice, token=token, fields_of=fields_of_ranking)
    revise_ranking(labeler=alice, token=str(begun.token), judgements=judgements, active_seconds=60)
    html = compact(client.get("/day/").content.decode())
    assert 'data-today="rankings">2<' in html  # a revision is no second ranking
    assert 'data-today="demonstrations">1<' in html
    assert "Everyday" in html
    assert "Law" in html


def test_a_day_begins_at_midnight_where_the_labeler_lives(alice: Labeler, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 3, 1, 17, 30, tzinfo=UTC)  # half past one on the second in Shanghai
    monkeypatch.setattr(timezone, "now", lambda: moment)
    assert beginning_of_today(alice) == datetime(2026, 3, 1, tzinfo=UTC)
    alice.time_zone = "Asia/Shanghai"
    assert beginning_of_today(alice) == datetime(2026, 3, 1, 16, tzinfo=UTC)
    days = [each.day.isoformat() for each in day_of(alice).days]
    assert days[0] == "2026-02-17"
    assert days[-1] == "2026-03-02"


def test_the_overview_counts_the_same_day(client: Client, alice: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign()))
    rank(alice, [1, 2, 3, 4])
    assert 'data-done-today="ranking">1<' in compact(client.get("/").content.decode())
    Assignment.objects.update(closed_at=timezone.now() - timedelta(days=1, minutes=1))
    assert 'data-done-today="ranking">0<' in compact(client.get("/").content.decode())


def test_agreement_is_shown_once_there_are_enough_pairs(client: Client, alice: Labeler, bob: Labeler) -> None:
    campaign = make_campaign(rankings_per_task=2)
    needed = -(-FEWEST_PAIRS // 6)
    for _ in range(needed - 1):
        make_ready_task(make_prompt(campaign))
    for _ in range(needed - 1):
        rank(alice, [1, 2, 3, 4])
        rank(bob, [1, 2, 4, 3])
    html = client.get("/day/").content.decode()
    assert "data-agreement-unknown" in html
    assert f"ranked {6 * (needed - 1)} pairs so far" in html
    make_ready_task(make_prompt(campaign))
    rank(alice, [1, 2, 3, 4])
    rank(bob, [1, 2, 4, 3])
    html = client.get("/day/").content.decode()
    assert "<b data-agreement>83%</b>" in html
    assert f"of {6 * needed} pairs" in html


@pytest.mark.parametrize("number", [1, 6])
def test_the_day_page_grows_no_query(
    number: int, client: Client, alice: Labeler, django_assert_num_queries: Counted, bob: Labeler
) -> None:
    campaign = make_campaign(rankings_per_task=2)
    for _ in range(number):
        make_ready_task(make_prompt(campaign))
        rank(alice, [1, 2, 3, 4])
        rank(bob, [1, 2, 3, 4])
    with django_assert_num_queries(7):  # session, user; work handed out, own writing, time; agreement's two
        assert client.get("/day/").status_code == 200


def test_an_empty_day_has_a_page(client: Client) -> None:
    html = compact(client.get("/day/").content.decode())
    assert 'data-today="rankings">0<' in html
    assert "Not known yet" in html


def test_preferences_are_kept_and_shown(client: Client, alice: Labeler) -> None:
    sent = {"time_zone": "Asia/Shanghai", "break_minutes": "25", "opt_outs": ["violence", "self_harm"]}
    assert client.post("/preferences/", sent)["Location"] == "/preferences/"
    alice.refresh_from_db()
    assert (alice.time_zone, alice.break_minutes, alice.opt_outs) == ("Asia/Shanghai", 25, ["self_harm", "violence"])
    html = client.get("/preferences/").content.decode()
    assert '<option value="Asia/Shanghai" selected>' in html
    assert 'value="25"' in html
    assert html.count(" checked") == 2


@pytest.mark.parametrize(
    "wrong", [{"time_zone": "Mars/Base"}, {"break_minutes": "-1"}, {"break_minutes": "soon"}, {"opt_outs": ["boring"]}]
)
def test_what_is_no_preference_is_refused(client: Client, alice: Labeler, wrong: dict[str, Any]) -> None:
    sent = {"time_zone": "", "break_minutes": "50", "opt_outs": []} | wrong
    assert client.post("/preferences/", sent).status_code == 422
    alice.refresh_from_db()
    assert (alice.time_zone, alice.break_minutes, alice.opt_outs) == ("", 50, [])


@pytest.mark.parametrize("wrong", [{"time_zone": "Mars/Base"}, {"break_minutes": 241}])
def test_the_service_refuses_it_as_well(alice: Labeler, wrong: dict[str, Any]) -> None:
    chosen: dict[str, Any] = {"time_zone": "", "break_minutes": 50, "opt_outs": []} | wrong
    with pytest.raises(LabelerRefused):
        change_preferences(labeler=alice, **chosen)


def test_a_pause_keeps_the_lease_but_not_for_ever(client: Client, alice: Labeler, bob: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign(lease_minutes=30)))
    held = claim_ranking(labeler=alice)
    assert held is not None
    Assignment.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    assert client.post(f"/work/{held.token}/hold/").status_code == 204
    held.refresh_from_db()
    assert held.expires_at > timezone.now() + timedelta(minutes=29)
    long_ago = timezone.now() - timedelta(minutes=30 + LONGEST_PAUSE_MINUTES + 1)
    Assignment.objects.update(claimed_at=long_ago, expires_at=timezone.now() + timedelta(minutes=1))
    before = hold_through_pause(labeler=alice, token=str(held.token)).expires_at
    assert before < timezone.now() + timedelta(minutes=2)
    assert browser_of(bob).post(f"/work/{held.token}/hold/").status_code == 404
