"""Sessions: noted when somebody logs in, used, and ended, by themself or by an admin."""

from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from config.login_attempts import client_address
from labeling.base.trail.actors import acting_as
from labeling.people.sessions.models import LONGEST_AGENT, AccountSession
from labeling.people.sessions.queries import open_sessions

MARK = "account_session"
"""In a Django session: which row is its own."""
USED_EVERY = timedelta(minutes=5)
"""The last use is written no more often: every request would otherwise be a write."""
KEPT = timedelta(days=90)


class Mark(TypedDict):
    id: int
    key: str
    used_at: float


def begin_session(request: HttpRequest, user: User) -> None:
    """Notes a log-in, in the trail too."""
    session = request.session
    if session.session_key is None:
        session.save()
    now = timezone.now()
    with acting_as(user.get_username()):
        row = AccountSession.objects.create(
            user=user,
            session_key=session.session_key or "",
            address=client_address(request),
            agent=request.META.get("HTTP_USER_AGENT", "")[:LONGEST_AGENT],
            last_used_at=now,
        )
    session[MARK] = Mark(id=row.pk, key=row.session_key, used_at=now.timestamp())


def note_use(request: HttpRequest) -> None:
    """The session is in use; its key may have changed, as after a new password."""
    mark: Mark | None = request.session.get(MARK)
    now = timezone.now()
    key = request.session.session_key or ""
    if mark is None or (mark["key"] == key and now.timestamp() - mark["used_at"] < USED_EVERY.total_seconds()):
        return
    AccountSession.objects.filter(pk=mark["id"]).update(
        session_key=key, last_used_at=now, address=client_address(request)
    )
    request.session[MARK] = Mark(id=mark["id"], key=key, used_at=now.timestamp())


def note_log_out(request: HttpRequest) -> None:
    mark: Mark | None = request.session.get(MARK)
    if mark is not None:
        AccountSession.objects.filter(pk=mark["id"], ended_at=None).update(ended_at=timezone.now())


def own_id(request: HttpRequest) -> int | None:
    """The row of the session that asks."""
    mark: Mark | None = request.session.get(MARK)
    return mark["id"] if mark else None


@transaction.atomic
def end_sessions(sessions: QuerySet[AccountSession]) -> int:
    """From the next request on they are logged out; returns how many it were. What was saved there is kept."""
    rows = list(sessions.select_for_update().filter(ended_at=None))
    Session.objects.filter(session_key__in=[row.session_key for row in rows]).delete()
    AccountSession.objects.filter(pk__in=[row.pk for row in rows]).update(ended_at=timezone.now())
    return len(rows)


def end_sessions_of(user: User, *, but: int | None = None) -> int:
    """All of an account's sessions; `but` stays."""
    found = open_sessions().filter(user=user)
    if but is not None:
        found = found.exclude(pk=but)
    return end_sessions(AccountSession.objects.filter(pk__in=found.values("pk")))


def forget_old_sessions(*, before: datetime | None = None) -> None:
    """Addresses are personal data: they go after a while. The trail keeps who logged in when."""
    limit = before or timezone.now() - KEPT
    AccountSession.objects.exclude(pk__in=open_sessions().values("pk")).filter(last_used_at__lt=limit).delete()


def when_logged_in(request: HttpRequest, user: User, **_: Any) -> None:
    begin_session(request, user)


def when_logged_out(request: HttpRequest, **_: Any) -> None:
    note_log_out(request)
