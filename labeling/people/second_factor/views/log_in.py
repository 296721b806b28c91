"""The second step of logging in. Until then nobody is logged in: the session only knows whose password was right."""

import time
from typing import TypedDict

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from config.login_attempts import please_wait
from labeling.people.second_factor.services import check_code

PENDING = "second_factor"
PENDING_SECONDS = 10 * 60


class Pending(TypedDict):
    user: int
    backend: str
    next: str
    at: float


def ask_for_code(request: HttpRequest, user: User, *, then: str) -> HttpResponse:
    """After the right password, to the page that asks for the code."""
    request.session.cycle_key()
    request.session[PENDING] = Pending(user=user.pk, backend=user.backend, next=then, at=time.time())
    return redirect("login_code")


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def login_code(request: HttpRequest) -> HttpResponse:
    """Wrong codes count as wrong passwords do: after so many the name and the address wait (config/login_attempts)."""
    pending: Pending | None = request.session.get(PENDING)
    if pending is None or time.time() - pending["at"] > PENDING_SECONDS:
        request.session.pop(PENDING, None)
        return redirect("login")
    user = User.objects.filter(pk=pending["user"], is_active=True).first()
    if user is None:
        return redirect("login")
    credentials = {"username": user.get_username()}
    if not AxesProxyHandler.is_allowed(request, credentials):
        return please_wait(request)
    if request.method != "POST":
        return render(request, "people/second_factor/log_in.html")
    device = check_code(user, request.POST.get("code", "")[:64])
    if device is None:
        user_login_failed.send(sender=__name__, credentials=credentials, request=request)
        said = _("This code is not right, or was used already. Wait for the app's next one.")
        return render(request, "people/second_factor/log_in.html", {"error": said}, status=422)
    del request.session[PENDING]
    user.otp_device = device  # type: ignore[attr-defined]  # django-otp keeps it in the session
    login(request, user, backend=pending["backend"])
    return redirect(pending["next"])
