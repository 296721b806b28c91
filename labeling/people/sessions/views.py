"""Where one is logged in: each session with its device, address and last use, and a button that ends it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labeling.people.sessions.models import AccountSession
from labeling.people.sessions.queries import device_in_words, open_sessions
from labeling.people.sessions.services import end_sessions, end_sessions_of, note_use, own_id


class SessionUseMiddleware:
    """Notes when a session was last used, and its new key where that changed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.session.accessed and request.user.is_authenticated:
            note_use(request)
        return response


@dataclass(frozen=True, kw_only=True)
class SessionRow:
    id: int
    device: str
    address: str
    began_at: datetime
    last_used_at: datetime
    is_this: bool


@require_safe
@never_cache
@login_required
def sessions(request: HttpRequest) -> HttpResponse:
    here = own_id(request)
    rows = [
        SessionRow(
            id=row.pk,
            device=device_in_words(row.agent),
            address=row.address or "",
            began_at=row.began_at,
            last_used_at=row.last_used_at,
            is_this=row.pk == here,
        )
        for row in open_sessions().filter(user=request.user.pk).order_by("-last_used_at")
    ]
    rows.sort(key=lambda row: not row.is_this)
    return render(request, "people/sessions.html", {"sessions": rows, "others": sum(not row.is_this for row in rows)})


@require_POST
@login_required
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    """404: somebody else's."""
    get_object_or_404(AccountSession, pk=pk, user=request.user.pk)
    end_sessions(AccountSession.objects.filter(pk=pk))
    if pk == own_id(request):
        return redirect("login")
    messages.success(request, _("That device is logged out."))
    return redirect("sessions")


@require_POST
@login_required
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)  # login_required
    ended = end_sessions_of(request.user, but=own_id(request))
    said = ngettext("%(count)d other device is logged out.", "%(count)d other devices are logged out.", ended)
    messages.success(request, said % {"count": ended})
    return redirect("sessions")
