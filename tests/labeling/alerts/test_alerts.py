"""An alert is opened once, told once by log, webhook and e-mail, silenced, and closed when it is over."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from labeling.alerts.models import Incident, Silence, WorkerSign
from labeling.alerts.queries import causes
from labeling.alerts.queries.notices import notices
from labeling.alerts.rules import fails_gold
from labeling.alerts.services import watch as watching
from labeling.alerts.services.signs import AliveThread, forget_gone_workers, say_alive
from labeling.alerts.services.watch import watch
from labeling.api.services.webhooks import message_of
from labeling.base.states import AlertKind
from labeling.models import Webhook, WebhookDelivery
from tests.labeling.admin_cast import admin_browser
from tests.labeling.cast import make_campaign

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def room_and_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causes, "disks_almost_full", list)
    monkeypatch.setattr(causes, "redis_state", lambda: "ok")


@pytest.fixture
def gone() -> WorkerSign:
    """A worker that was killed five minutes ago."""
    say_alive(name="celery@gpu-1", queues="sampling,suggestions")
    WorkerSign.objects.update(at=timezone.now() - timedelta(minutes=5))
    return WorkerSign.objects.get()


def opened() -> Incident:
    return Incident.objects.get(kind=AlertKind.WORKER_GONE)


def told() -> list[str]:
    return list(WebhookDelivery.objects.order_by("pk").values_list("event", flat=True))


def test_an_incident_is_told_once_by_every_way_and_closed_when_it_is_over(
    gone: WorkerSign, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_HOST, settings.ALERT_EMAILS = "mail.example.org", ["ops@example.org"]
    Webhook.objects.create(url="https://example.org/told", events=["alert.opened", "alert.closed"])
    with caplog.at_level(logging.INFO, logger="labeling.alerts"):
        for _look in range(3):
            watch()
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "celery@gpu-1" in caplog.text
        assert told() == ["alert.opened"]
        assert [(each.subject, each.to) for each in mail.outbox] == [
            ("[Concord] The worker celery@gpu-1 is gone", ["ops@example.org"])
        ]
        assert str(opened().words["zh-hans"]["text"]) in mail.outbox[0].body  # in both languages
        delivery = WebhookDelivery.objects.get()
        assert f'"kind": "worker_gone", "subject": "{opened().subject}"'.encode() in message_of(delivery)

        say_alive(name=gone.name, queues=gone.queues)
        watch()
    assert opened().closed_at is not None
    assert told() == ["alert.opened", "alert.closed"]
    assert len(mail.outbox) == 1
    assert "Over: [worker_gone]" in caplog.text
    WorkerSign.objects.filter(name=gone.name).update(at=timezone.now() - timedelta(minutes=5))
    watch()
    assert Incident.objects.filter(kind=AlertKind.WORKER_GONE).count() == 2  # it is another incident


def test_without_a_mail_server_no_mail_is_sent_and_one_that_is_down_is_asked_again(
    gone: WorkerSign, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALERT_EMAILS = ["ops@example.org"]
    watch()
    assert mail.outbox == []
    settings.EMAIL_HOST = "mail.example.org"

    def refuse(*_args: object, **_options: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    with monkeypatch.context() as down:
        down.setattr(watching, "send_mail", refuse)
        watch()
    assert "is tried again" in caplog.text
    assert opened().emailed_at is None
    watch()
    watch()
    assert len(mail.outbox) == 1


def test_a_silenced_kind_is_told_to_nobody_until_the_silence_ends(gone: WorkerSign) -> None:
    Webhook.objects.create(url="https://example.org/told", events=["alert.opened", "alert.closed"])
    silence = Silence.objects.create(kind=AlertKind.WORKER_GONE, until=timezone.now() + timedelta(hours=1))
    watch()
    assert (opened().told_at, told()) == (None, [])
    assert [notice.kind for notice in notices()] == [AlertKind.WORKER_GONE]  # the front page says it all the same
    page = admin_browser().post(reverse("admin:labeling_silence_end_now", args=[silence.pk]), follow=True)
    assert "are told again" in page.text
    watch()
    assert told() == ["alert.opened"]


def test_what_is_over_before_it_was_told_is_never_told() -> None:
    Webhook.objects.create(url="https://example.org/told", events=["alert.opened", "alert.closed"])
    campaign = make_campaign()
    watch()
    incident = Incident.objects.get(kind=AlertKind.QUEUE_EMPTY)
    assert (incident.subject, incident.told_at) == (f"campaign {campaign.pk}", None)  # it may fill within seconds
    type(campaign).objects.update(state="closed")
    watch()
    incident.refresh_from_db()
    assert incident.closed_at is not None
    assert told() == []


def test_an_empty_queue_that_lasts_is_told() -> None:
    make_campaign()
    watch()
    Incident.objects.update(opened_at=timezone.now() - timedelta(minutes=4))
    watch()
    assert Incident.objects.get(kind=AlertKind.QUEUE_EMPTY).told_at is not None


@pytest.mark.parametrize(
    ("until", "said"),
    [(timedelta(hours=-1), "This is over already"), (timedelta(days=400), "A silence for ever is forgotten")],
)
def test_a_silence_of_the_past_or_for_ever_is_refused(until: timedelta, said: str) -> None:
    at = timezone.now() + until
    sent = {"kind": "disk_low", "until_0": f"{at:%Y-%m-%d}", "until_1": f"{at:%H:%M:%S}", "reason": "moving"}
    page = admin_browser().post("/admin/labeling/silence/add/", sent)
    assert said in page.text
    assert "moving" in page.text  # nothing that was typed is lost
    assert not Silence.objects.exists()


def test_an_admin_silences_a_kind_from_the_front_page(gone: WorkerSign) -> None:
    olga = admin_browser()
    assert "/admin/labeling/silence/add/?kind=worker_gone" in olga.get("/admin/").text
    at = timezone.now() + timedelta(hours=2)
    sent = {"kind": "worker_gone", "until_0": f"{at:%Y-%m-%d}", "until_1": f"{at:%H:%M:%S}", "reason": ""}
    olga.post("/admin/labeling/silence/add/", sent)
    assert Silence.objects.get().created_by is not None
    front = olga.get("/admin/").text
    assert "It is told to nobody until" in front
    assert "silence/add/?kind=worker_gone" not in front


def test_a_worker_that_is_stopped_in_order_is_missed_by_nobody_and_one_that_never_returns_is_forgotten() -> None:
    alive = AliveThread(name="celery@host", queues="default")
    say_alive(name="celery@host", queues="default")
    alive.over.set()
    alive.join = lambda timeout=None: None  # type: ignore[method-assign]  # it was never started
    alive.stop()
    assert not WorkerSign.objects.exists()
    say_alive(name="celery@lost", queues="default")
    WorkerSign.objects.update(at=timezone.now() - timedelta(days=2))
    forget_gone_workers()
    assert not WorkerSign.objects.exists()


def test_beat_that_is_silent_is_said_on_the_front_page() -> None:
    watch()
    WorkerSign.objects.filter(name=causes.BEAT).update(at=timezone.now() - timedelta(minutes=9))
    assert any("Beat" in notice.text and notice.urgent for notice in notices())


@pytest.mark.parametrize(
    ("passed", "fails"),
    [([], False), ([False, False], False), ([False] * 3, True), ([True, True, False, False, True, False], False)],
)
def test_who_fails_most_of_the_last_gold_items_is_noticed(passed: list[bool], *, fails: bool) -> None:
    assert fails_gold(passed) is fails
