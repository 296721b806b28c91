"""The front page: numbers that are right whoever counted them, its filters, its tables as CSV, and /metrics."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from labeling.alerts.services.signs import say_alive
from labeling.base.states import CampaignStage, CampaignState
from labeling.console.models import DailyWork, KeptFigure
from labeling.console.queries.depth import depths, per_day_of
from labeling.console.queries.figures import figures
from labeling.console.queries.work import uncounted_since, work_of
from labeling.console.services import count_days, count_figures
from labeling.console.views.tables.names import TABLES
from labeling.exports.services.exclusions import leave_out, take_in
from labeling.model_versions.services.reward_models import default_reward_model
from labeling.models import Campaign, Labeler, ModelVersion, PayTerms, Ranking, ServerReport
from labeling.people.roles.rules import Role
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def worked(alice: Labeler, bob: Labeler) -> Campaign:
    """Alice ranked twice, Bob once and wrote; a task is left."""
    campaign = make_campaign(demonstrations_per_prompt=1, rankings_per_task=1, shared_percent=0)
    for _ in range(4):
        make_ready_task(make_prompt(campaign))
    for who in (alice, alice, bob):
        rank(who, [1, 2, 3, 4])
    write(bob, "An answer.")
    return campaign


def later(days: int) -> Any:
    """At noon of a day that comes: a day is settled a while after its midnight."""
    return (timezone.localtime() + timedelta(days=days)).replace(hour=12)


def rows_of(response: Any) -> list[dict[str, str]]:
    text = response.content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_days_that_are_over_are_counted_once_and_with_what_came_since_they_are_all_there_is(
    worked: Campaign, alice: Labeler
) -> None:
    before = work_of(shown=14, days=29)
    assert count_days() == 0  # today isn't over
    assert count_days(now=later(1)) == 3  # Alice's and Bob's rankings, Bob's demonstration
    assert count_days(now=later(1)) == 0
    assert DailyWork.objects.get(labeler=alice).count == 2
    assert DailyWork.objects.get(labeler=alice).active_seconds == 183.0
    assert DailyWork.objects.get(labeler=alice).comparisons == 12  # twice six pairs, none tied
    since = uncounted_since()
    assert since is not None
    assert since > timezone.now()
    after = work_of(shown=14, days=29)
    assert sorted(map(str, after.by_day)) == sorted(map(str, before.by_day))
    assert sorted(map(str, after.by_labeler)) == sorted(map(str, before.by_labeler))
    assert sorted(map(str, after.ever)) == sorted(map(str, before.ever))
    assert per_day_of(worked.pk, after) == []  # the days before today had nothing


def test_what_was_ever_handed_in_is_the_same_whenever_beat_added_it_up(worked: Campaign) -> None:
    def ever() -> list[str]:
        return sorted(map(str, work_of(shown=14, days=29).ever))

    anew = ever()
    count_figures()  # before a day was counted
    assert ever() == anew
    count_days(now=later(1))
    assert ever() == anew
    KeptFigure.objects.all().delete()
    count_figures()  # with that day
    assert ever() == anew
    DailyWork.objects.update(count=99)
    assert ever() == anew  # what was added up is not read again


def test_what_is_slow_to_count_is_taken_from_beat_and_said_to_be_of_then(worked: Campaign) -> None:
    count_figures()
    KeptFigure.objects.update(seconds=0.001)
    make_prompt(worked)
    assert figures().work[0]["prompts"] == 5  # quick: counted anew
    KeptFigure.objects.filter(name="work").update(seconds=4.0, counted_at=timezone.now() - timedelta(minutes=1))
    assert figures().work[0]["prompts"] == 4
    page = admin_browser().get("/admin/")
    assert page.context["pipeline"].prompts.total == 4
    assert "Prompts and tasks as of" in page.text
    count_figures()
    assert KeptFigure.objects.get(name="work").seconds == 4.0  # a minute ago is soon enough for what takes long
    KeptFigure.objects.filter(name="work").update(counted_at=timezone.now() - timedelta(hours=1))
    count_figures()
    assert KeptFigure.objects.get(name="work").value[0]["prompts"] == 5


def test_ready_work_is_in_minutes_of_what_rankings_took(worked: Campaign) -> None:
    practice = make_campaign(slug="practice", stage=CampaignStage.PRACTICE, rankings_per_task=30_000)
    make_ready_task(make_prompt(practice))  # whose places never run out
    campaigns = {worked.pk: worked, practice.pk: practice}
    [depth] = depths(campaigns=campaigns, figures=figures(), work=work_of(shown=14, days=29))
    assert (depth.ready, depth.places) == (1, 1)
    assert depth.minutes == pytest.approx(91.5 / 60)


def test_a_comparison_costs_what_rankings_earned_over_the_pairs_that_they_ordered(
    worked: Campaign, alice: Labeler
) -> None:
    rank(alice, [1, 1, 2, 2])  # four of six pairs are in an order
    olga = admin_browser()
    assert "No rates yet" in olga.get("/admin/").text
    PayTerms.objects.create(
        campaign=worked, begins_on="2026-01-01", currency="USD", per_hour=Decimal(18), per_ranking=Decimal("0.5")
    )
    count_days(now=later(1))
    [row] = rows_of(olga.get("/control/cost.csv"))
    # 4 rankings of 91.5 s at 18 an hour are 1.83, and four times 0.5 are 2; of 6 + 6 + 6 + 4 pairs
    assert (row["paid_for_rankings"], row["comparisons"]) == ("3.83", "22")
    assert row["per_comparison"] == "0.174091"


def test_what_a_comparison_costs_counts_bonuses_and_leaves_out_what_is_of_no_use(
    worked: Campaign, alice: Labeler, bob: Labeler
) -> None:
    """Alice ranked twice, Bob ranked once and wrote once: both get the bonus for two pieces."""
    PayTerms.objects.create(
        campaign=worked, begins_on="2026-01-01", currency="USD", per_ranking=Decimal(1), bonus_percent=10, bonus_from=2
    )
    count_days(now=later(1))
    olga = admin_browser()

    def cost() -> tuple[str, str]:
        [row] = rows_of(olga.get("/control/cost.csv"))
        return row["paid_for_rankings"], row["comparisons"]

    assert cost() == ("3.3", "18")
    leave_out(target=Ranking.objects.filter(labeler=alice)[0], reason="A slip of hers.")
    assert cost() == ("3.3", "12"), "it was paid, and is no use"
    left_out = leave_out(target=bob, reason="He clicks at random.", since=timezone.now() - timedelta(hours=1))
    assert cost() == ("3.3", "6")
    leave_out(target=Ranking.objects.get(labeler=bob), reason="Once more.")
    assert cost() == ("3.3", "6"), "nothing is taken off twice"
    take_in(exclusion=left_out, reason="He does not.")
    assert cost() == ("3.3", "6")
    leave_out(target=worked, reason="An experiment.")
    [row] = rows_of(olga.get("/control/cost.csv"))
    assert (row["comparisons"], row["per_comparison"]) == ("0", "")


def test_every_table_is_a_csv_file_of_the_same_look(worked: Campaign, settings: Settings) -> None:
    other = make_campaign(name="=Other", shared_percent=0)
    make_ready_task(make_prompt(other, language="zh"))
    say_alive(name="celery@gpu-1", queues="sampling", gpus=[{"name": "H100", "memory_used": 1024, "memory_total": 81920,
                                                            "use": 7}])  # fmt: skip
    settings.SERVING_URL = "http://models:8001"
    place = {"path": "/p", "failure": "", "aliases": ["policy"], "in_flight": 3, "cache_bytes": 2**30}
    told = {"p-1": place | {"state": "ready", "cache_limit_bytes": 2**32}}
    ServerReport.objects.create(address="http://models:8001", answers=True, told=told, at=timezone.now())
    figures_of_it = {"prompt_accuracy": 0.66, "prompt_accuracy_interval": [0.6, 0.72], "rankings": 120}
    ceiling = {"ceiling": {"agreement": 0.73, "agreement_interval": [0.7, 0.76]}}
    metrics = {"valid": figures_of_it, "analysis": {"valid": ceiling}}
    ModelVersion.objects.create(
        kind="reward", reward_model=default_reward_model(), name="reward-1", path="/reward-1", metrics=metrics
    )
    olga = admin_browser()
    found = {name: rows_of(olga.get(f"/control/{name}.csv")) for name in TABLES}
    assert [(row["campaign"], row["language"], row["minutes_of_work"]) for row in found["ready"]] == [
        ("'=Other", "zh", "1.5"),  # no spreadsheet takes it for a formula
        (str(worked), "en", "1.5"),
    ]
    assert [(row["labeler"], row["rankings"], row["demonstrations"]) for row in found["labelers"]] == [
        ("alice", "2", "0"), ("bob", "1", "1"),
    ]  # fmt: skip
    assert (len(found["throughput"]), found["throughput"][0]["rankings"]) == (14, "3")
    assert found["progress"][1]["rankings_done"] == "3"
    assert (found["accuracy"][0]["accuracy"], found["accuracy"][0]["labelers_agree"]) == ("0.66", "0.73")
    assert {row["worker"]: row["gpu"] for row in found["workers"]} == {"celery@gpu-1": "H100: 1 of 80 GiB, 7% busy"}
    [models] = found["servers"]
    assert (models["server"], models["state"], models["models"], models["requests"], models["cache_bytes"]) == (
        "http://models:8001", "answers", "p-1 (policy): loaded", "3", str(2**30),
    )  # fmt: skip
    assert {row["kind"]: row["waiting"] for row in found["waiting"]}["sampling"] == "0"
    of_one = rows_of(olga.get("/control/ready.csv", {"campaign": other.pk, "days": 7}))
    assert [row["language"] for row in of_one] == ["zh"]
    page = olga.get("/admin/", {"campaign": worked.pk, "days": 7})
    assert set(re.findall(r'href="/control/(\w+)\.csv\?days=7&amp;campaign=(\d+)"', page.text)) == {
        (name, str(worked.pk)) for name in TABLES if name not in ("agreement", "cost")
    }
    assert page.context["pipeline"].rankings.total == 3
    assert "alice" in page.text
    assert "1.0 of 4.0 GiB" in page.text


@pytest.mark.parametrize("query", [{"days": "13"}, {"campaign": "7777"}, {"campaign": "x", "days": "-1"}])
def test_a_look_that_there_is_not_is_refused_in_words(worked: Campaign, query: dict[str, str]) -> None:
    olga = admin_browser()
    page = olga.get("/admin/", query)
    assert "All campaigns of the last 14 days are shown instead." in page.text
    assert page.context["look"].days == 14
    assert olga.get("/control/ready.csv", query).status_code == 404


def test_who_may_see_which_table(worked: Campaign, client: Client) -> None:
    assert client.get("/control/ready.csv").status_code == 302  # Alice labels
    assert admin_browser("labeling.view_prompt").get("/control/ready.csv").status_code == 403
    assert admin_browser(name="otto").get("/control/nothing.csv").status_code == 404
    mine = make_campaign(name="Mine")
    make_ready_task(make_prompt(mine))
    manager = admin_browser("labeling.view_ranking", name="mary")
    mary = mine.managers.model.objects.get(username="mary")
    mary.groups.add(Group.objects.get(name=Role.CAMPAIGN_MANAGER))
    mine.managers.add(mary)
    page = manager.get("/admin/")
    assert worked.name not in page.text
    assert page.context["pipeline"].tasks.ready == 1
    assert page.context["notices"] == []
    assert [row["campaign"] for row in rows_of(manager.get("/control/progress.csv"))] == ["Mine"]
    assert manager.get("/control/progress.csv", {"campaign": worked.pk}).status_code == 404
    assert manager.get("/control/workers.csv").status_code == 404


def test_the_front_page_has_a_fixed_number_of_queries(worked: Campaign) -> None:
    olga = admin_browser()
    count_figures()
    KeptFigure.objects.update(seconds=0.001)

    def queries() -> int:
        olga.get("/admin/")
        with CaptureQueriesContext(connection) as asked:
            olga.get("/admin/")
        return len(asked)

    before = queries()
    for name in ("carol", "dave", "erin"):
        campaign = make_campaign(name=name)
        for _ in range(2):
            make_ready_task(make_prompt(campaign))
        labeler = make_labeler(name)
        rank(labeler, [1, 2, 3, 4])
        say_alive(name=f"celery@{name}", queues="sampling")
    count_days(now=later(1))
    assert queries() == before <= 57


def test_metrics_are_for_this_machine_or_for_who_has_the_token(worked: Campaign, settings: Any) -> None:
    prometheus = Client()
    text = prometheus.get("/metrics").text
    assert f'concord_tasks_ready{{campaign="{worked.slug}",language="en"}} 1.0' in text
    assert f'concord_handed_in{{campaign="{worked.slug}",kind="ranking",simulated="false"}} 3.0' in text
    assert 'concord_waiting{kind="training"} 0.0' in text
    assert 'concord_alerts{kind="disk_low"}' in text
    assert "concord_disk_free_bytes" in text
    assert prometheus.get("/metrics", REMOTE_ADDR="203.0.113.5").status_code == 403
    assert prometheus.get("/metrics", headers={"X-Forwarded-For": "203.0.113.5"}).status_code == 403
    settings.METRICS_TOKEN = "s3cret"
    assert prometheus.get("/metrics").status_code == 403
    assert prometheus.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert prometheus.get("/metrics", headers={"Authorization": "Bearer s3cret"}).status_code == 200


def test_a_campaign_that_is_done_or_has_too_few_days_has_no_date(worked: Campaign, alice: Labeler) -> None:
    olga = admin_browser()
    assert "not enough data" in olga.get("/admin/").text
    rank(alice, [1, 2, 3, 4])
    Campaign.objects.update(ranking_tasks_per_prompt=0)
    worked.prompts.update(ranking_tasks_needed=0)
    assert "nothing is left" in olga.get("/admin/").text
    Campaign.objects.update(state=CampaignState.CLOSED)
    assert "No campaign is open." in olga.get("/admin/").text
