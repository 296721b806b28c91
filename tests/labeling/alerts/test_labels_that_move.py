"""Alerts about labels: agreement went down, a sentinel moved, somebody fails gold. Told once, and over when it is."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from labeling.alerts.models import Incident, Silence
from labeling.alerts.queries import causes
from labeling.alerts.queries.notices import notices
from labeling.alerts.services.watch import watch
from labeling.base.states import AlertKind, CheckKind
from labeling.models import Check, Labeler, RankingAgreement, RankingTask, Sentinel, Webhook, WebhookDelivery
from labeling.quality.agreement.models import Partner
from labeling.quality.bias.queries.sentinels import this_week
from labeling.quality.gold.services.measuring import measure_handed_in
from labeling.ranking_tasks.rules import GivenCompletion
from labeling.ranking_tasks.services.tasks import copy_task, make_task_of_given
from tests.labeling.cast import make_campaign, make_prompt, make_ready_task
from tests.labeling.handed_in import rank
from tests.labeling.quality.gold.test_checks import gold_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def room_and_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causes, "disks_almost_full", list)
    monkeypatch.setattr(causes, "redis_state", lambda: "ok")
    Webhook.objects.create(url="https://example.org/told", events=["alert.opened", "alert.closed"])


def looks(kind: AlertKind, times: int = 1) -> list[str]:
    """What webhooks were told of that kind, after so many looks."""
    for _look in range(times):
        watch()
    about = Incident.objects.filter(kind=kind).values("pk")
    return list(WebhookDelivery.objects.filter(subject__in=about).order_by("pk").values_list("event", flat=True))


def compared(task: RankingTask, one: Labeler, other: Labeler, *, days_ago: int, same: int) -> RankingAgreement:
    """They ordered ten pairs of the task, `same` of them alike."""
    labeler, partner = sorted((one, other), key=lambda each: each.pk)
    return RankingAgreement(
        task=task, labeler=labeler, partner=partner, partner_kind=Partner.LABELER, same=same, opposed=10 - same,
        compared_at=timezone.now() - timedelta(days=days_ago), tied_by_labeler=0, tied_by_partner=0, tied_by_both=0,
        same_by_strength=[0, 0, 0, 0], opposed_by_strength=[0, 0, 0, 0],
    )  # fmt: skip


def test_agreement_that_went_down_is_told_once_and_is_over_only_when_it_is_back(alice: Labeler, bob: Labeler) -> None:
    campaign = make_campaign()
    tasks = [make_ready_task(make_prompt(campaign)) for _ in range(24)]

    def counted(lately: Iterable[int]) -> None:
        RankingAgreement.objects.all().delete()
        before = [7, 8, 9, 8] * 3
        rows = [
            compared(task, alice, bob, days_ago=14, same=same) for task, same in zip(tasks[:12], before, strict=True)
        ]
        rows += [
            compared(task, alice, bob, days_ago=2, same=same) for task, same in zip(tasks[12:], lately, strict=True)
        ]
        RankingAgreement.objects.bulk_create(rows)

    counted([7, 8, 9, 8] * 3)
    assert looks(AlertKind.AGREEMENT_DOWN) == []
    counted([4, 5, 6, 5] * 3)
    assert looks(AlertKind.AGREEMENT_DOWN, times=3) == ["alert.opened"]
    incident = Incident.objects.get(kind=AlertKind.AGREEMENT_DOWN)
    assert "50.0%" in incident.words["en"]["text"]
    assert "80.0%" in incident.words["en"]["text"]
    assert any(notice.kind == AlertKind.AGREEMENT_DOWN for notice in notices()), "the front page reads the incident"
    counted([7, 8, 6, 8] * 3)  # its interval touches the one before, and the share itself is still below that
    assert looks(AlertKind.AGREEMENT_DOWN, times=2) == ["alert.opened"]
    counted([7, 8, 9, 8] * 3)
    assert looks(AlertKind.AGREEMENT_DOWN, times=2) == ["alert.opened", "alert.closed"]


def test_a_silenced_drop_is_told_when_the_silence_is_over(alice: Labeler, bob: Labeler) -> None:
    campaign = make_campaign()
    for number in range(24):
        task = make_ready_task(make_prompt(campaign))
        days_ago, same = (14, 9) if number % 2 else (2, 4)
        compared(task, alice, bob, days_ago=days_ago, same=same + number % 3 % 2).save()
    silence = Silence.objects.create(kind=AlertKind.AGREEMENT_DOWN, until=timezone.now() + timedelta(hours=1))
    assert looks(AlertKind.AGREEMENT_DOWN, times=2) == []
    assert Incident.objects.filter(kind=AlertKind.AGREEMENT_DOWN, closed_at=None, told_at=None).count() == 1
    silence.delete()
    assert looks(AlertKind.AGREEMENT_DOWN, times=2) == ["alert.opened"]


def old_against_new(labeler: Labeler, *, weeks_ago: int, old_is_better: bool) -> None:
    """A ranking of four completions of the old model and five of the new: twenty pairs."""
    texts = [GivenCompletion(text=f"Answer {n}.", model="old" if n < 4 else "new") for n in range(9)]
    make_task_of_given(prompt=make_prompt(make_campaign(priority=9)), completions=texts)
    ranking = rank(labeler, [1] * 4 + [2] * 5 if old_is_better else [2] * 4 + [1] * 5)
    monday = this_week() - timedelta(weeks=weeks_ago)
    with connection.cursor() as cursor:  # what was handed in never changes but here
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE labeling_ranking SET submitted_at = %s WHERE id = %s", [monday, ranking.pk])
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_a_sentinel_that_moved_is_told_once_the_week_is_over(alice: Labeler) -> None:
    Sentinel.objects.create(name="Old against new", first_source="old", second_source="new")
    for weeks_ago in (5, 4, 3, 2):
        old_against_new(alice, weeks_ago=weeks_ago, old_is_better=True)
    old_against_new(alice, weeks_ago=0, old_is_better=False)
    assert looks(AlertKind.SENTINEL_MOVED, times=2) == [], "this week may still bring what evens it out"
    old_against_new(alice, weeks_ago=1, old_is_better=False)
    assert looks(AlertKind.SENTINEL_MOVED, times=3) == ["alert.opened"]
    words = Incident.objects.get(kind=AlertKind.SENTINEL_MOVED).words
    assert "“Old against new” moved" in words["en"]["text"]
    assert "0.0%" in words["en"]["detail"]
    assert "100.0%" in words["en"]["detail"]
    assert "Old against new" in words["zh-hans"]["text"]


def test_a_change_of_long_ago_is_no_alarm_for_ever(alice: Labeler) -> None:
    Sentinel.objects.create(name="Old against new", first_source="old", second_source="new")
    for weeks_ago in (9, 8, 7, 6):
        old_against_new(alice, weeks_ago=weeks_ago, old_is_better=True)
    old_against_new(alice, weeks_ago=5, old_is_better=False)
    assert looks(AlertKind.SENTINEL_MOVED) == []


def test_who_fails_gold_is_told_of_once_and_no_more_when_they_are_suspended(alice: Labeler) -> None:
    campaign = make_campaign()
    for _ in range(3):
        item = gold_of(campaign, (1, 2, 3, 4))
        copy = copy_task(task=item.task, labeler=alice)
        Check.objects.create(labeler=alice, task=copy, kind=CheckKind.GOLD, item=item)
        rank(alice, [4, 3, 2, 1])
    measure_handed_in()
    assert looks(AlertKind.GOLD_FAILED, times=3) == ["alert.opened"]
    incident = Incident.objects.get(kind=AlertKind.GOLD_FAILED)
    assert "alice" in incident.words["en"]["text"]
    Labeler.objects.filter(pk=alice.pk).update(state="suspended")
    assert looks(AlertKind.GOLD_FAILED, times=2) == ["alert.opened", "alert.closed"]
