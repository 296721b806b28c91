"""Pay in the admin: what a campaign pays, periods from open to paid, the ledger as CSV."""

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.base.csv_tables import csv_lines, safe
from labeling.models import Labeler, PayEntry, PayPeriod, PayTerms
from labeling.pay.queries.ledger import entries_of
from labeling.pay.services import open_period, set_pay_terms
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import make_campaign
from tests.labeling.markup import compact
from tests.labeling.pay.test_ledger import MARCH, march
from tests.labeling.pay.worked import ranked, worked

pytestmark = pytest.mark.django_db


def press(client: Client, name: str, row: Any, **sent: Any) -> Any:
    """Asked, answered, and shown where it leads."""
    address = reverse(f"admin:labeling_{row._meta.model_name}_{name}", args=[row.pk])
    assert client.get(address).status_code == 200
    return client.post(address, sent, follow=True)


def table_of(response: Any) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_a_campaign_says_what_it_pays() -> None:
    campaign, olga = make_campaign(), admin_browser()
    sent = dict.fromkeys(("per_demonstration", "per_dialogue", "per_chat", "per_own_prompt", "per_edit"), "0")
    sent |= {"begins_on": "2026-03-01", "currency": "usd", "per_hour": "18", "per_ranking": "0.075",
             "bonus_percent": "10", "bonus_from": "50"}  # fmt: skip
    page = press(olga, "set_pay", campaign, **sent)
    assert "18.00 USD an hour; 0.075 USD for each: Ranking; 10% on top for whoever hands in 50" in texts_of(page)[0]
    terms = PayTerms.objects.get()
    assert (terms.per_ranking, terms.currency, str(terms.made_by)) == (Decimal("0.0750"), "USD", "olga")
    refused = press(olga, "set_pay", campaign, **sent | {"per_hour": "-1", "currency": "E1", "bonus_percent": "9999"})
    assert refused.status_code == 422
    assert set(refused.context["form"].errors) == {"per_hour", "currency", "bonus_percent"}
    assert PayTerms.objects.count() == 1
    manager = admin_browser("labeling.view_campaign", "labeling.change_campaign", name="petra")
    assert manager.get(reverse("admin:labeling_campaign_set_pay", args=[campaign.pk])).status_code == 403
    simulated = make_campaign(simulated=True)
    html = olga.get(reverse("admin:labeling_campaign_change", args=[simulated.pk])).content.decode()
    assert "Simulated labelers earn nothing." in html
    assert "set_pay" not in html


@pytest.fixture
def period(alice: Labeler, bob: Labeler) -> PayPeriod:
    """March, in which Alice ranked twice and Bob worked for half an hour where nothing is paid."""
    paid, free = make_campaign(name="Paid"), make_campaign(name="Free of charge")
    set_pay_terms(campaign=paid, by=None, begins_on=date(2026, 1, 1), currency="USD", per_ranking=Decimal("1.25"))
    for day in (2, 3):
        ranked(alice, paid, at=march(day), minutes=4)
    worked(bob, free, at=march(4), minutes=15)
    return open_period(**MARCH)


def test_a_period_is_looked_at_frozen_corrected_and_paid(period: PayPeriod, alice: Labeler) -> None:
    olga = admin_browser()
    page = reverse("admin:labeling_payperiod_change", args=[period.pk])
    html = compact(olga.get(page).content.decode())
    assert "2.50 USD" in html
    assert "“Free of charge” pays nothing for 0 h 15 min" in html
    refused = press(olga, "enter", period, labeler=alice.pk, kind="given", amount="0", currency="USD", reason="None.")
    assert "not nothing" in refused.content.decode()
    press(olga, "enter", period, labeler=alice.pk, kind="given", amount="5", currency="usd", reason="For the guide.")
    said = texts_of(press(olga, "freeze", period))
    assert said == [f"The period {period} is frozen. 1 entry is made."]
    work = PayEntry.objects.get(kind="work")
    assert (work.amount, work.pieces, str(work.made_by)) == (Decimal("2.50"), {"ranking": 2}, "olga")
    press(olga, "correct", work, amount="-0.5", reason="Two were the same.")
    said = texts_of(press(olga, "pay", period, note="Transfer 17"))
    assert said == [f"The period {period} is paid."]
    html = compact(olga.get(page).content.decode())
    assert "7.00 USD" in html
    assert "payperiod_enter" not in html
    # Paid: a correction has to wait for the next period.
    late = press(olga, "correct", work, amount="1", reason="One was missed.")
    assert late.status_code == 422
    assert "Open one first." in late.content.decode()
    april = open_period(first_day=date(2026, 4, 1), last_day=date(2026, 4, 30))
    press(olga, "correct", work, amount="1", reason="One was missed.")
    assert [(entry.amount, entry.corrects) for entry in entries_of(april)] == [(Decimal(1), work)]


def test_the_ledger_is_a_table_for_programs(period: PayPeriod, alice: Labeler) -> None:
    olga = admin_browser()
    alice.user.username = "@alice"
    alice.user.save()
    press(olga, "enter", period, labeler=alice.pk, kind="correction", amount="-3", currency="USD", reason="=1+1")
    address = reverse("admin:labeling_payperiod_download", args=[period.pk])
    work, correction = table_of(olga.get(address))
    assert (work["labeler"], work["rankings"], work["active_seconds"], work["amount"], work["entry"]) == (
        alice.pseudonym, "2", "480", "2.50", "",
    )  # fmt: skip
    # A spreadsheet takes no name and no reason for a formula, and a number stays one.
    assert (correction["username"], correction["reason"], correction["amount"]) == ("'@alice", "'=1+1", "-3.00")
    press(olga, "freeze", period)
    frozen = table_of(olga.get(address))
    assert [row["amount"] for row in frozen] == ["2.50", "-3.00"]
    assert all(row["entry"] and row["period_state"] == "frozen" for row in frozen)
    assert admin_browser("labeling.view_labeler", name="petra").get(address).status_code == 403


def test_the_lines_of_a_table_come_one_by_one() -> None:
    assert list(csv_lines(["a", "b"], [["x,y", -1]])) == ["\ufeffa,b\r\n", '"x,y",-1\r\n']
    risky = ["=1+1", "+cmd", "-2+3", "@x", "\tx", "-4.2%", "+1,000.5", "-"]
    assert [safe(each) for each in risky] == ["'=1+1", "'+cmd", "'-2+3", "'@x", "'\tx", "-4.2%", "+1,000.5", "'-"]


def test_periods_are_opened_in_the_admin() -> None:
    olga, address = admin_browser(), reverse("admin:labeling_payperiod_open")
    sent = {"first_day": "2026-03-01", "last_day": "2026-03-31", "time_zone": "Europe/Berlin"}
    assert olga.post(address, sent).status_code == 302
    assert PayPeriod.objects.get().time_zone == "Europe/Berlin"
    assert "nothing is paid twice" in olga.post(address, sent).content.decode()
    backwards = olga.post(address, sent | {"first_day": "2026-05-02", "last_day": "2026-05-01"})
    assert "The last day is before the first one." in backwards.content.decode()
    assert PayPeriod.objects.count() == 1
