"""Opens an incident for what went wrong, tells people once, and closes it when it is over.

Told by the log, by webhooks (a trigger of migration 0002 goes by `told_at`) and by e-mail, where EMAIL_HOST and
ALERT_EMAILS are set. An e-mail that can't be sent is tried again at each look for a day.
"""

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone, translation

from labeling.alerts.models import Incident, Silence, Words
from labeling.alerts.queries.agreement import agreement_drop, moved_sentinels
from labeling.alerts.queries.causes import BEAT, notice_facts
from labeling.alerts.queries.notices import Notice, agreement_notices, notices_of
from labeling.alerts.rules import Key, is_to_be_told, to_open_and_close
from labeling.alerts.services.signs import say_alive
from labeling.base.states import AlertKind

log = logging.getLogger(__name__)

PATIENCE = {AlertKind.QUEUE_EMPTY: timedelta(minutes=3), AlertKind.REDIS_DOWN: timedelta(minutes=1)}
"""What is often over by itself is told only when it lasts so long: a queue fills again within seconds."""
MAIL_TRIED_FOR = timedelta(days=1)
KEPT = timedelta(days=365)


def watch() -> None:
    """One look: opens and closes incidents, and tells what is to be told."""
    say_alive(name=BEAT, queues="")
    lasts = Incident.objects.filter(kind=AlertKind.AGREEMENT_DOWN, closed_at=None).exists()
    facts, drop, moved = notice_facts(), agreement_drop(lasts=lasts), moved_sentinels()
    said: dict[Key, dict[str, Words]] = {}
    found: dict[Key, Notice] = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            for notice in (*notices_of(facts), *agreement_notices(drop, moved)):
                if notice.kind is not None:
                    key = (notice.kind.value, notice.subject)
                    found[key] = notice
                    said.setdefault(key, {})[language] = Words(text=notice.text, detail=notice.detail)
    keep_incidents(found, said)
    tell()


@transaction.atomic
def keep_incidents(found: dict[Key, Notice], said: dict[Key, dict[str, Words]]) -> None:
    """Two looks at once open one incident: a partial unique constraint says so."""
    now = timezone.now()
    open_now = {(each.kind, each.subject): each for each in Incident.objects.filter(closed_at=None)}
    begun, over = to_open_and_close(found=found, opened=open_now)
    Incident.objects.bulk_create(
        [
            Incident(kind=key[0], subject=key[1], words=said[key], link=found[key].link[:500], opened_at=now)
            for key in sorted(begun)
        ],
        ignore_conflicts=True,
    )
    for key in sorted(over):
        incident = open_now[key]
        if Incident.objects.filter(pk=incident.pk, closed_at=None).update(closed_at=now):
            log.info("Over: %s", _in_log(incident))


def tell() -> None:
    """Tells of each incident once: the one process that marks it as told logs it."""
    now = timezone.now()
    silenced = set(Silence.objects.filter(until__gt=now).values_list("kind", flat=True))
    for incident in Incident.objects.filter(closed_at=None, told_at=None).order_by("pk"):
        kind = AlertKind(incident.kind)
        patience = PATIENCE.get(kind, timedelta())
        if is_to_be_told(opened_at=incident.opened_at, now=now, patience=patience, silenced=kind in silenced) and (
            Incident.objects.filter(pk=incident.pk, told_at=None).update(told_at=now)
        ):
            log.error("Alert: %s", _in_log(incident))
    _send_mails(now)


def _in_log(incident: Incident) -> str:
    words = incident.words[settings.LANGUAGE_CODE]
    return " ".join(part for part in (f"[{incident.kind}]", words["text"] + ".", words["detail"]) if part)


def _send_mails(now: datetime) -> None:
    if not (settings.EMAIL_HOST and settings.ALERT_EMAILS):
        return
    unsent = Incident.objects.filter(emailed_at=None, told_at__gt=now - MAIL_TRIED_FOR)
    for incident in unsent.order_by("pk"):
        subject = f"[Concord] {incident.words[settings.LANGUAGE_CODE]['text']}"
        try:
            send_mail(subject.replace("\n", " "), mail_text(incident), None, settings.ALERT_EMAILS)
        except (OSError, SMTPException) as failure:
            log.warning("The e-mail of alert %s could not be sent and is tried again: %s", incident.pk, failure)
            return  # the others would wait for the same server
        Incident.objects.filter(pk=incident.pk).update(emailed_at=now)


def mail_text(incident: Incident) -> str:
    """What it is in every language of the interface, since when, and the address of the page that shows it."""
    lines = [f"{words['text']}\n{words['detail']}".strip() for words in incident.words.values()]
    lines.append(f"{timezone.localtime(incident.opened_at):%Y-%m-%d %H:%M %Z}")
    if incident.link:
        lines.append(incident.link)
    return "\n\n".join(lines) + "\n"


def forget_old_incidents() -> None:
    """Those that were over a year ago."""
    Incident.objects.filter(closed_at__lt=timezone.now() - KEPT).delete()


def end_silence(silence: Silence) -> None:
    """From now on its kind is told again; what lasts is told at the next look."""
    now = timezone.now()
    Silence.objects.filter(pk=silence.pk, until__gt=now, created_at__lt=now).update(until=now)
    silence.refresh_from_db()
