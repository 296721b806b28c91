"""How fast passwords may be tried: django-axes, with a limit for a name and a wider one for an address.

Forty people of one office share an address, so that a few mistyped passwords must not lock all of them out; whoever
tries one password on many names is stopped by the address all the same.
"""

from ipaddress import ip_address
from typing import Any

from axes.backends import AxesStandaloneBackend
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def client_address(request: HttpRequest) -> str | None:
    """The address that asks; behind a proxy the one that the proxy saw, which stands last in X-Forwarded-For.

    None where there is none, such as at a unix socket without a proxy.
    """
    found = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY:
        found = request.META.get("HTTP_X_FORWARDED_FOR", found).rpartition(",")[2].strip()
    try:
        return str(ip_address(found))
    except ValueError:
        return None


class LoginThrottle(AxesStandaloneBackend):  # type: ignore[misc]  # axes is not typed
    """Refuses before any password is looked at. Without a request (a shell, a test's client) nobody is slowed down."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        return None if request is None else super().authenticate(request, **credentials)


class TwoLimits(AxesDatabaseHandler):  # type: ignore[misc]
    """Counts failures in units of a name's limit, whichever of both limits is nearer."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        by_name, by_address = (_sum(attempts) for attempts in self.get_user_attempts(request, credentials))
        if client_address(request) is None:
            return by_name
        return max(by_name, by_address * settings.LOGIN_TRIES // settings.LOGIN_TRIES_PER_ADDRESS)

    def reset_user_attempts(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """After a log-in forgets what was tried of that name; what was tried of others from its address stays."""
        by_name, _by_address = self.get_user_attempts(request, credentials)
        count: int = by_name.delete()[0]
        return count


def _sum(attempts: QuerySet[AccessAttempt]) -> int:
    return int(attempts.aggregate(failures=Sum("failures_since_start"))["failures"] or 0)


def please_wait(request: HttpRequest, *_: Any) -> HttpResponse:
    """The answer while log-in is closed for a name or an address: labelers and staff see the same page."""
    seconds = int(settings.LOGIN_WAIT.total_seconds())
    context = {"minutes": -(-seconds // 60)}
    response = render(request, "people/login_wait.html", context, status=429)
    response["Retry-After"] = str(seconds)
    return response
