"""Where accounts are logged in, and on what, in words."""

from functools import lru_cache

from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from ua_parser import parse

from labeling.people.sessions.models import AccountSession


def open_sessions() -> QuerySet[AccountSession]:
    """Those that still open something: not ended, not expired, and not swept away."""
    session = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=timezone.now())
    return AccountSession.objects.filter(Exists(session), ended_at=None)


def device_in_words(agent: str) -> str:
    """Such as: Firefox on Windows."""
    browser, system = _parts(agent)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or (_("A program: %(agent)s") % {"agent": agent[:60]} if agent else _("Unknown"))


@lru_cache(maxsize=1000)
def _parts(agent: str) -> tuple[str, str]:
    """The families of the browser and of the system; "" for what can't be told."""
    found = parse(agent)
    browser = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    return browser, system
