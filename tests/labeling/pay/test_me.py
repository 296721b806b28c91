"""A labeler's own page: the ledger's numbers of them and of nobody else, and what others thought."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.base.states import CampaignStage, LabelerState, PayEntryKind
from labeling.desk.ranking.services import fields_of_ranking
from labeling.desk.services.leases import suspend_labeler
from labeling.desk.services.revisions import start_revision
from labeling.models import Assignment, Labeler, Ranking, RankingTask
from labeling.pay.queries import disagreements
from labeling.pay.queries.disagreements import disagreements_of
from labeling.pay.services import enter, open_period, set_pay_terms
from labeling.quality.gold.services.items import RightAnswer, make_gold
from labeling.quality.gold.services.measuring import measure_handed_in
from labeling.ranking_tasks.services.tasks import copy_task
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import browser_of, make_campaign, make_prompt, make_ready_task
from tests.labeling.handed_in import rank
from tests.labeling.markup import compact
from tests.labeling.pay.worked import ranked

pytestmark = pytest.mark.django_db


def text_of(client: Client, address: str = "/me/") -> str:
    response = client.get(address)
    assert response.status_code == 200
    return compact(response.content.decode())


def test_it_shows_what_was_done_and_earned_by_nobody_else(client: Client, alice: Labeler, bob: Labeler) -> None:
    campaign, yesterday = make_campaign(name="Everyday"), timezone.now() - timedelta(days=1)
    set_pay_terms(
        campaign=campaign, by=None, begins_on=yesterday.date() - timedelta(days=9), currency="USD",
        per_ranking=Decimal("1.25"),
    )  # fmt: skip
    for minutes in (2, 5):
        ranked(alice, campaign, at=yesterday, minutes=minutes)
    ranked(bob, campaign, at=yesterday, minutes=9)
    period = open_period(first_day=yesterday.date() - timedelta(days=3), last_day=yesterday.date() + timedelta(days=3))
    enter(
        period=period, labeler=bob, kind=PayEntryKind.GIVEN, amount=Decimal(7), currency="USD", reason="For Bob.",
        by=None,
    )  # fmt: skip
    html = text_of(client)
    assert 'data-own="time">0 h 7 min<' in html
    assert "<b>2.50 USD</b>" in html
    assert "3 min 30 s" in html  # the median of the two
    assert "1.25 USD for each: Ranking" in html
    assert "For Bob." not in html
    assert "提交时间" not in client.get("/me/", headers={"accept-language": "zh-hans"}).text, "a number is no time"
    page = reverse("admin:labeling_labeler_change", args=[alice.pk])
    of_admins = text_of(admin_browser(), page)  # the same numbers
    assert "0 h 7 min" in of_admins
    assert "Ranking, K = 4: 3 min 30 s (2)" in of_admins
    assert "2.50 USD" in of_admins
    assert "<b>8.25 USD</b>" in text_of(browser_of(bob))
    suspend_labeler(labeler=alice)
    assert "<b>2.50 USD</b>" in text_of(client)  # what was earned stays theirs to read


def test_it_has_something_to_say_to_a_newcomer(client: Client) -> None:
    assert "Nothing is in the ledger for you yet." in text_of(client)
    assert "Nothing to show yet." in text_of(client, "/me/others/")
    assert Client().get("/me/").status_code == 302


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be revised any more."""
    monkeypatch.setattr(disagreements, "REVISABLE", 0)


@pytest.mark.usefixtures("at_once")
def test_others_are_shown_where_they_disagreed_and_named_nowhere(client: Client, alice: Labeler, bob: Labeler) -> None:
    campaign = make_campaign(rankings_per_task=2)
    for _ in range(2):
        make_ready_task(make_prompt(campaign))
    apart = rank(alice, [1, 2, 3, 4]).task
    rank(alice, [1, 2, 3, 4])
    rank(bob, [2, 1, 3, 4])
    rank(bob, [1, 2, 3, 3])  # a tie opposes nobody
    [found] = disagreements_of(alice)
    assert found.ranking.task == apart
    assert [row.others for row in found.rows].count([2]) == 1
    html = text_of(client, "/me/others/")
    assert "1 of 1 other put" in html
    assert "bob" not in html
    assert bob.pseudonym not in html


def test_nothing_is_shown_that_could_sway_a_label(
    alice: Labeler, bob: Labeler, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ready_task(make_prompt(make_campaign(rankings_per_task=2)))
    ranking = rank(alice, [1, 2, 3, 4])
    assert disagreements_of(bob) == []  # Bob's own is not handed in
    rank(bob, [4, 3, 2, 1])
    assert disagreements_of(alice) == []  # Alice may still revise hers
    monkeypatch.setattr(disagreements, "REVISABLE", 0)
    assert len(disagreements_of(alice)) == 1
    Assignment.objects.filter(pk=ranking.assignment_id).update(returned_at=timezone.now())  # by a reviewer
    assert disagreements_of(alice) == []
    Assignment.objects.update(returned_at=None)
    start_revision(labeler=alice, token=str(ranking.assignment.token), fields_of=fields_of_ranking)
    assert disagreements_of(alice) == []
    assert Ranking.objects.count() == 2


def gold(task: RankingTask) -> None:
    """Its completions are right in the order of their ids."""
    ids = task.completions.order_by("pk").values_list("pk", flat=True)
    make_gold(task=task, answer=RightAnswer(ranks={pk: rank for rank, pk in enumerate(ids, start=1)}), by=None)


@pytest.mark.usefixtures("at_once")
def test_what_they_are_checked_by_is_never_shown(alice: Labeler, bob: Labeler) -> None:
    campaign = make_campaign(rankings_per_task=2, shared_percent=0)
    for _ in range(2):
        make_ready_task(make_prompt(campaign))
    becomes_gold, comes_again = (rank(alice, [1, 2, 3, 4]).task for _ in range(2))
    for _ in range(2):
        rank(bob, [4, 3, 2, 1])
    assert len(disagreements_of(alice)) == 2
    gold(becomes_gold)
    copy = copy_task(task=comes_again, labeler=alice)
    assert disagreements_of(alice) == []
    assert rank(alice, [1, 2, 4, 3]).task == copy
    assert [each.ranking.task for each in disagreements_of(alice)] == [comes_again]


def test_practice_is_told_as_it_was_measured(client: Client, alice: Labeler) -> None:
    task = make_ready_task(make_prompt(make_campaign(stage=CampaignStage.PRACTICE)))
    gold(task)
    Labeler.objects.update(state=LabelerState.PRACTICE)
    alice.refresh_from_db()
    rank(alice, [1, 2, 4, 3])
    measure_handed_in()
    assert "Of 1 practice items you passed 0; of 6 pairs in the answers you put 5" in text_of(client)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("number", [1, 4])
def test_the_pages_grow_no_query(
    number: int, client: Client, alice: Labeler, bob: Labeler, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    campaign = make_campaign(rankings_per_task=2)
    set_pay_terms(campaign=campaign, by=None, begins_on=timezone.now().date(), currency="USD", per_ranking=Decimal(1))
    open_period(first_day=timezone.now().date(), last_day=timezone.now().date())
    for _ in range(number):
        make_ready_task(make_prompt(campaign))
        rank(alice, [1, 2, 3, 4])
        rank(bob, [4, 3, 2, 1])
    with django_assert_max_num_queries(18):
        client.get("/me/")
    with django_assert_max_num_queries(6):
        client.get("/me/others/")
