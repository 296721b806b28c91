"""The page of agreement: figures, cuts in the address, each table as CSV. Olga administers; three people label."""

import csv
import io
import json
from dataclasses import asdict
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from labeling.models import Campaign, Labeler, RankingAgreement
from labeling.people.roles.rules import Role
from labeling.people.roles.services import set_roles
from labeling.quality.agreement.models import Partner
from labeling.quality.agreement.queries.cuts import RESEARCHER, Cut
from labeling.quality.agreement.queries.figures import figures_of, labelers_of, parts_of
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank

pytestmark = pytest.mark.django_db

TASKS = 12


def address(**query: Any) -> str:
    return reverse("admin:labeling_rankingagreement_figures", query=query)


@pytest.fixture
def shared(alice: Labeler, bob: Labeler, charlie: Labeler) -> Campaign:
    return share_tasks(alice, bob, charlie)


def share_tasks(alice: Labeler, bob: Labeler, charlie: Labeler) -> Campaign:
    """Twelve tasks of four completions. Alice and Bob differ on one pair of each, Charlie turns every second round."""
    campaign = make_campaign(name="Shared", rankings_per_task=3)
    for number in range(TASKS):
        make_ready_task(make_prompt(campaign, language="en" if number % 2 else "zh"), k=4)
        rank(alice, [1, 2, 3, 4], quality=5, strengths=[3, 1, 1], flags=["hallucination"] if number < 6 else [])
        rank(bob, [1, 2, 4, 3], quality=4, strengths=[4, 2, 1], flags=["hallucination"] if number < 6 else [])
        rank(charlie, [1, 2, 3, 4] if number % 2 else [4, 3, 2, 1], quality=2, strengths=[1, 1, 1])
    return campaign


def rows_of(response: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


def test_figures_are_those_that_one_counts_by_hand(shared: Campaign, alice: Labeler) -> None:
    """Per task: Alice and Bob 5 of 6; with Charlie 6 and 5 of 6, or 0 and 1. Over two tasks 5+6+5+5+0+1 of 36."""
    figures = figures_of(Cut())
    assert figures.agreement is not None
    assert figures.agreement.value == pytest.approx(22 / 36)
    assert figures.agreement.low < 22 / 36 < figures.agreement.high
    assert (figures.agreement.pairs, figures.agreement.prompts) == (TASKS * 18, TASKS)
    assert figures.tie_rate is not None
    assert figures.tie_rate.value == 0
    assert figures.tau is not None
    assert figures.tau.value == pytest.approx(2 * 22 / 36 - 1)
    assert figures.ranks[4].units == TASKS * 4
    hallucination = figures.flags["hallucination"]
    assert hallucination is not None
    assert 0 < hallucination.value < 1
    assert figures.flags["fails_task"] is None  # nobody set it: there is nothing to agree on


def test_cuts_take_the_figures_apart(shared: Campaign) -> None:
    by_language = {part.value: part.share for part in parts_of(Cut(), "language")}
    assert set(by_language) == {"en", "zh"}
    assert by_language["en"] is None  # six prompts are not enough
    [by_k] = parts_of(Cut(), "k")
    assert by_k.share is not None
    assert by_k.share.pairs == TASKS * 18
    assert [part.value for part in parts_of(Cut(), "flag")] == ["hallucination"]
    strengths = {part.value: part.share for part in parts_of(Cut(), "strength")}
    # Alice and Bob are both very sure of two pairs of each task; 24 are not enough.
    assert strengths["4"] is None
    assert sum(share.pairs for share in strengths.values() if share) == TASKS * 16
    assert figures_of(Cut(language="fr")).comparisons == 0
    assert figures_of(Cut(campaigns=())).agreement is None
    assert figures_of(Cut(simulated=True)).agreement is None


def test_each_labeler_stands_against_the_rest(shared: Campaign) -> None:
    alice, bob, charlie = labelers_of(Cut())
    assert [each.name for each in (alice, bob, charlie)] == ["alice", "bob", "charlie"]
    assert alice.share is not None
    assert alice.share.value == pytest.approx((5 + 6 + 5 + 0) / 24)
    assert charlie.share is not None
    assert charlie.share.value < bob.share.value  # type: ignore[union-attr]
    assert charlie.pooled is not None
    assert charlie.share.value <= charlie.pooled.value
    assert alice.rating is not None
    assert alice.rating.severity == pytest.approx((4 + 2) / 2 - 5)


def test_the_only_one_in_a_language_is_there_without_a_figure(shared: Campaign) -> None:
    make_labeler("dora", languages=["fr"])
    dora = labelers_of(Cut())[-1]
    assert (dora.name, dora.comparisons, dora.share, dora.pooled, dora.rating) == ("dora", 0, None, None, None)
    [row] = [row for row in rows_of(admin_browser().get(address(csv="labelers"))) if row["Labeler"] == "dora"]
    assert row["Agreement"] == row["Pooled"] == "not enough data"


def test_researchers_and_the_consensus_are_partners_of_their_own(shared: Campaign, bob: Labeler) -> None:
    assert labelers_of(Cut(partner=RESEARCHER)) == []
    bob.researcher = True
    bob.save()
    assert [each.name for each in labelers_of(Cut(partner=RESEARCHER))] == ["alice", "charlie"]
    figures = figures_of(Cut(partner=Partner.CONSENSUS.value))
    assert figures.comparisons == TASKS * 3


def test_the_page_and_its_csv_follow_the_address(shared: Campaign) -> None:
    olga = admin_browser()
    page = olga.get(address())
    assert page.status_code == 200
    assert "61.1%" in page.text
    assert "not enough data" in page.text
    rows = rows_of(olga.get(address(csv="labelers")))
    assert [row["Labeler"] for row in rows] == ["alice", "bob", "charlie"]
    assert float(rows[0]["Agreement"]) == pytest.approx(16 / 24)
    assert rows_of(olga.get(address(csv="k")))[0]["Pairs"] == str(TASKS * 18)
    nobody = olga.get(address(language="zh", since="2020-01-01", until="2020-01-02"))
    assert "61.1%" not in nobody.text
    assert "0.0%" not in nobody.text
    assert "100.0%" not in nobody.text
    wrong = olga.get(address(since="2020-01-02", until="2020-01-01", k="77"))
    assert wrong.status_code == 200
    assert "This is before the first day" in wrong.text
    assert olga.get(address(csv="nothing")).status_code == 404
    chinese = olga.get(address(), headers={"accept-language": "zh-hans"})
    assert "一致率" in chinese.text
    assert "How well people agree" not in chinese.text


def test_a_page_over_nothing_says_so_and_never_a_share(db: None) -> None:
    page = admin_browser().get(address())
    assert page.status_code == 200
    assert "not enough data" in page.text
    assert "0.0%" not in page.text


def test_a_campaign_manager_sees_their_campaigns_alone_and_a_labeler_nothing(shared: Campaign, client: Client) -> None:
    assert client.get(address()).status_code == 302
    mia = User.objects.create_user("mia", password="x")
    set_roles(user=mia, roles=frozenset({Role.CAMPAIGN_MANAGER}))
    browser = Client()
    browser.force_login(User.objects.get(pk=mia.pk))
    assert "61.1%" not in browser.get(address()).text
    assert "61.1%" not in browser.get(address(campaign=shared.pk)).text
    shared.managers.add(mia)
    assert "61.1%" in browser.get(address()).text


def test_a_name_that_a_spreadsheet_would_run_is_only_shown(shared: Campaign, alice: Labeler) -> None:
    alice.user.username = "=cmd()"
    alice.user.save()
    rows = rows_of(admin_browser().get(address(csv="labelers")))
    assert "'=cmd()" in [row["Labeler"] for row in rows]


def test_a_rebuild_changes_no_figure(shared: Campaign) -> None:
    before = all_figures()
    RankingAgreement.objects.all().delete()
    call_command("rebuild_agreement", verbosity=0)
    assert all_figures() == before


def all_figures() -> object:
    """But for the last bits of means, which depend on the order in which PostgreSQL reads the rows."""
    found = [asdict(figures_of(Cut())), *(asdict(each) for each in labelers_of(Cut()))]
    return json.loads(json.dumps(found, default=str), parse_float=lambda digits: round(float(digits), 12))
