"""Pay by period: counted while it is open, frozen and paid once, corrected by further entries and never by edits."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from labeling.base.refusals import PayRefused
from labeling.base.states import CampaignStage, IllegalMove, LabelerState, PayEntryKind
from labeling.desk.services.accounts import close_account
from labeling.desk.services.leases import suspend_labeler
from labeling.models import Campaign, Labeler, PayEntry, PayPeriod
from labeling.pay.queries.ledger import amounts_of, entries_of, summaries, unpaid_work
from labeling.pay.queries.work import time_per_piece
from labeling.pay.services import enter, freeze_period, mark_paid, open_period, set_pay_terms
from labeling.people.services import create_labeler
from tests.labeling.base.test_postgres_constraints import refuses
from tests.labeling.cast import make_campaign
from tests.labeling.pay.worked import ranked, worked

pytestmark = pytest.mark.django_db

MARCH: dict[str, Any] = {"first_day": date(2026, 3, 1), "last_day": date(2026, 3, 31)}


def march(day: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def terms(campaign: Campaign, begins_on: date = date(2026, 1, 1), **rates: Any) -> None:
    set_pay_terms(campaign=campaign, by=None, **{"begins_on": begins_on, "currency": "USD"} | rates)


def earned_by(labeler: Labeler, period: PayPeriod) -> dict[str, Decimal]:
    return amounts_of(entries_of(period, labeler=labeler))


def test_time_and_pieces_are_paid_as_the_campaign_says(alice: Labeler, bob: Labeler) -> None:
    hourly, by_piece = make_campaign(name="Hourly"), make_campaign(name="By piece")
    terms(hourly, per_hour=Decimal(18))
    terms(by_piece, per_ranking=Decimal("0.125"), currency="CNY", bonus_percent=10, bonus_from=3)
    worked(alice, hourly, at=march(2), minutes=10)
    worked(alice, hourly, at=march(2, minute=15), minutes=10)
    for day in (3, 4, 5):
        ranked(alice, by_piece, at=march(day), minutes=2)
    ranked(bob, by_piece, at=march(6))
    period = open_period(**MARCH)
    assert earned_by(alice, period) == {"CNY": Decimal("0.42"), "USD": Decimal("6.00")}  # 0.375 → 0.38, and 0.04 on top
    assert earned_by(bob, period) == {"CNY": Decimal("0.13")}  # too few for the bonus; half a cent goes up
    both = summaries(entries_of(period))
    assert [(each.labeler, each.seconds, each.pieces) for each in both] == [(alice, 26 * 60, 3), (bob, 0, 1)]


def test_new_terms_cut_the_period_where_they_begin(alice: Labeler) -> None:
    campaign, other = make_campaign(), make_campaign()
    terms(campaign, per_hour=Decimal(12))
    terms(campaign, date(2026, 3, 16), per_hour=Decimal(24))
    terms(other, date(2026, 3, 20), per_hour=Decimal(1))  # cuts the period as well, and changes nothing here
    worked(alice, campaign, at=march(15, 23, 45), minutes=10)
    worked(alice, campaign, at=march(16, 0, 0), minutes=10)
    worked(alice, campaign, at=march(25), minutes=10)
    entries = entries_of(open_period(**MARCH))
    assert [(entry.seconds, entry.amount) for entry in entries] == [(600, Decimal(2)), (1200, Decimal(8))]


def test_a_day_is_as_long_as_the_clocks_make_it(alice: Labeler) -> None:
    """On 29 March 2026 Berlin's clocks go from 2 to 3: the period is an hour shorter, and no quarter is lost.

    Its first midnight is 23:00 UTC, its last one 22:00 UTC.
    """
    campaign = make_campaign()
    terms(campaign, per_hour=Decimal(4))
    period = open_period(**MARCH, time_zone="Europe/Berlin")
    assert period.ends_at - period.begins_at == timedelta(days=31, hours=-1)
    worked(alice, campaign, at=datetime(2026, 2, 28, 22, 45, tzinfo=UTC), minutes=15)  # still February there
    worked(alice, campaign, at=datetime(2026, 2, 28, 23, 0, tzinfo=UTC), minutes=15)
    worked(alice, campaign, at=march(29, 0, 45), minutes=15)
    worked(alice, campaign, at=march(29, 1, 0), minutes=15)  # 01:45 is followed by 03:00
    worked(alice, campaign, at=march(31, 21, 45), minutes=15)
    worked(alice, campaign, at=march(31, 22, 0), minutes=15)  # April there
    following = open_period(first_day=date(2026, 4, 1), last_day=date(2026, 4, 30), time_zone="Europe/Berlin")
    assert earned_by(alice, period) == {"USD": Decimal(4)}
    assert earned_by(alice, following) == {"USD": Decimal(1)}
    # In October an hour comes twice.
    autumn = open_period(first_day=date(2026, 10, 25), last_day=date(2026, 10, 25), time_zone="Europe/Berlin")
    assert autumn.ends_at - autumn.begins_at == timedelta(hours=25)


def test_a_frozen_period_stays_as_it_is_and_a_paid_one_takes_nothing(alice: Labeler) -> None:
    campaign = make_campaign()
    terms(campaign, per_hour=Decimal(6))
    worked(alice, campaign, at=march(2), minutes=10)
    olga = User.objects.create_user("olga")
    period = open_period(**MARCH)
    assert freeze_period(period=period, by=olga) == 1
    worked(alice, campaign, at=march(3), minutes=10)
    period.refresh_from_db()
    assert earned_by(alice, period) == {"USD": Decimal(1)}
    with pytest.raises(PayRefused, match="is frozen"):
        terms(campaign, date(2026, 3, 31), per_hour=Decimal(60))
    entry = PayEntry.objects.get()
    correction: dict[str, Any] = {
        "labeler": alice, "kind": PayEntryKind.CORRECTION, "currency": "USD", "reason": "Ten minutes.", "by": olga,
    }  # fmt: skip
    enter(period=period, amount=Decimal("0.50"), **correction)
    mark_paid(period=period, by=olga, note="Transfer 17")
    with pytest.raises(IllegalMove):
        mark_paid(period=period, by=olga)
    with pytest.raises(PayRefused, match="later period"):
        enter(period=period, amount=Decimal("0.50"), **correction)
    later = open_period(first_day=date(2026, 4, 1), last_day=date(2026, 4, 30))
    enter(period=later, amount=Decimal("-0.25"), corrects=entry, **correction)
    assert earned_by(alice, later) == {"USD": Decimal("-0.25")}
    # What Python refuses, PostgreSQL refuses as well.
    refuses(lambda: PayEntry.objects.filter(pk=entry.pk).update(amount=2), "never change")
    refuses(lambda: PayEntry.objects.filter(pk=entry.pk)._raw_delete(using="default"), "never deleted")
    again = {"period": period, "labeler": alice, "currency": "USD", "amount": 1, "reason": "Hello."}
    refuses(lambda: PayEntry.objects.create(kind="correction", **again), "is paid")
    refuses(lambda: PayPeriod.objects.update(last_day=date(2026, 4, 1)), "never change")
    paid = PayPeriod.objects.filter(pk=period.pk)
    refuses(lambda: paid.update(state="open", frozen_at=None, paid_at=None), "can't go from")


@pytest.mark.parametrize(
    ("wrong", "saying"),
    [
        ({"amount": Decimal(0)}, "not nothing"),
        ({"amount": Decimal(-1), "kind": PayEntryKind.GIVEN}, "more than nothing"),
        ({"reason": "  "}, "Say why"),
        ({"currency": "dollars"}, "three capital letters|at most 3"),
        ({"kind": PayEntryKind.WORK}, "when the period is frozen"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(alice: Labeler, wrong: dict[str, Any], saying: str) -> None:
    entry: dict[str, Any] = {
        "amount": Decimal(1),
        "kind": PayEntryKind.CORRECTION,
        "currency": "USD",
        "reason": "Because.",
        "by": None,
    }
    with pytest.raises(PayRefused, match=f"(?i){saying}"):
        enter(period=open_period(**MARCH), labeler=alice, **entry | wrong)
    assert not PayEntry.objects.exists()


def test_periods_share_no_moment_and_are_frozen_when_all_time_is_in(alice: Labeler) -> None:
    period = open_period(**MARCH)
    with pytest.raises(PayRefused, match="paid twice"):
        open_period(first_day=date(2026, 3, 31), last_day=date(2026, 4, 2))
    with pytest.raises(PayRefused, match="paid twice"):  # whose first hours are still March in UTC
        open_period(first_day=date(2026, 4, 1), last_day=date(2026, 4, 2), time_zone="Asia/Shanghai")
    overlapping = {"first_day": "2026-03-31", "last_day": "2026-03-31"}
    times = {"begins_at": period.ends_at - timedelta(hours=1), "ends_at": period.ends_at}
    refuses(lambda: PayPeriod.objects.create(**overlapping, **times), "pay_periods_do_not_overlap")
    with pytest.raises(PayRefused, match="before the first"):
        open_period(first_day=date(2026, 5, 2), last_day=date(2026, 5, 1))
    with pytest.raises(PayRefused, match="no time zone"):
        open_period(first_day=date(2026, 5, 1), last_day=date(2026, 5, 1), time_zone="Mars/Base")
    today = timezone.now().date()
    with pytest.raises(PayRefused, match=r"from .* on: until then pages may report time"):
        freeze_period(period=open_period(first_day=today, last_day=today), by=None)


def test_whoever_is_suspended_or_gone_is_paid_and_simulated_labelers_are_not(alice: Labeler, bob: Labeler) -> None:
    campaign = make_campaign()
    terms(campaign, per_ranking=Decimal(1))
    ranked(alice, campaign, at=march(2))
    ranked(bob, campaign, at=march(3))
    simulated = create_labeler(
        username="sim", password=None, languages=["en"], state=LabelerState.ACTIVE, simulated=True
    )
    worked(simulated, campaign, at=march(4), minutes=10)
    suspend_labeler(labeler=alice)
    close_account(user=bob.user, by=User.objects.create_superuser("olga"))
    period = open_period(**MARCH)
    freeze_period(period=period, by=None)
    assert {(entry.labeler.pseudonym, entry.amount) for entry in entries_of(period)} == {
        (alice.pseudonym, Decimal(1)), (bob.pseudonym, Decimal(1)),
    }  # fmt: skip
    with pytest.raises(PayRefused, match="simulated"):
        enter(
            period=period, labeler=simulated, kind=PayEntryKind.GIVEN, amount=Decimal(1), currency="USD",
            reason="Well done.", by=None,
        )  # fmt: skip


def test_screening_earns_what_its_terms_say_and_is_otherwise_no_unpaid_work(alice: Labeler) -> None:
    free, paid = (make_campaign(stage=CampaignStage.SCREENING) for _ in range(2))
    terms(paid, per_hour=Decimal(4))
    for campaign in (free, paid):
        worked(alice, campaign, at=march(2), minutes=15)
    period = open_period(**MARCH)
    assert earned_by(alice, period) == {"USD": Decimal(1)}
    assert unpaid_work(period) == []


def test_work_that_nothing_pays_for_is_shown(alice: Labeler) -> None:
    paid, free = make_campaign(), make_campaign(name="Free")
    terms(paid, date(2026, 3, 10), per_ranking=Decimal(1))
    ranked(alice, free, at=march(2), minutes=3)
    ranked(alice, paid, at=march(9))
    ranked(alice, paid, at=march(10))
    unpaid = {
        each.campaign.name: (each.pieces, each.seconds, each.labelers) for each in unpaid_work(open_period(**MARCH))
    }
    assert unpaid == {"Free": (1, 180, 1), paid.name: (1, 0, 1)}


def test_the_time_of_a_piece_is_told_by_kind_and_k(alice: Labeler) -> None:
    campaign = make_campaign()
    for day, minutes in ((2, 2), (3, 4), (4, 9)):
        ranked(alice, campaign, at=march(day), minutes=minutes)
    ranked(alice, campaign, at=march(5), minutes=12, k=9)
    ranked(alice, campaign, at=march(6))  # no time was counted for it
    found = time_per_piece(alice, since=march(1), until=march(31))
    assert [(each.kind, each.k, each.count, each.median_seconds) for each in found] == [
        ("ranking", 4, 3, 240), ("ranking", 9, 1, 720),
    ]  # fmt: skip
