"""The page of an invitation: an account is made, or is told kindly why the link opens nothing."""

from django.contrib.auth import authenticate, login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from labeling.base.interruptions import Action, Interruption, show_interruption
from labeling.base.refusals import InvitationGone, LabelerRefused, UnknownLanguage
from labeling.base.trail.actors import acting_as
from labeling.onboarding.invitations.forms import JoinForm
from labeling.onboarding.invitations.models import LABELER, Invitation
from labeling.onboarding.invitations.services import NewAccount, accept_invitation, find_invitation


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, secret: str) -> HttpResponse:
    try:
        invitation = find_invitation(secret)
    except InvitationGone as gone:
        return _gone(request, gone.why)
    if request.user.is_authenticated:
        return _logged_in(request)
    if request.method != "POST":
        return _page(request, invitation, JoinForm(invitation), status=200)
    form = JoinForm(invitation, request.POST)
    if not form.is_valid():
        return _page(request, invitation, form, status=422)
    try:
        with acting_as(form.cleaned_data["username"]):
            accept_invitation(secret=secret, account=NewAccount(**form.cleaned_data))
    except InvitationGone as gone:
        return _gone(request, gone.why)
    except (LabelerRefused, UnknownLanguage):  # the name was taken a moment ago: the form says it in words
        again = JoinForm(invitation, request.POST)
        again.is_valid()
        return _page(request, invitation, again, status=422)
    user = authenticate(request, username=form.cleaned_data["username"], password=form.cleaned_data["password"])
    if user is None:
        return redirect("login")
    login(request, user)
    return redirect("path" if invitation.role == LABELER else "admin:index")


def _page(request: HttpRequest, invitation: Invitation, form: JoinForm, *, status: int) -> HttpResponse:
    context = {"form": form, "invitation": invitation, "is_labeler": invitation.role == LABELER}
    return render(request, "onboarding/join.html", context, status=status)


def _gone(request: HttpRequest, why: str) -> HttpResponse:
    """410 for what was there, 404 for what never was; the same page to whoever guesses."""
    if why == "used" and request.user.is_authenticated:
        return redirect("overview")  # who used it comes back by their bookmark
    texts = {
        "used": _("An account was made with this invitation already. If it is yours, log in with it."),
        "withdrawn": _("This invitation was taken back. Ask whoever sent it to you for a new one."),
        "expired": _("This invitation was open for a while and has expired. Ask whoever sent it for a new one."),
        "unknown": _("There is no such invitation. Look whether the whole address was copied, up to its end."),
    }
    page = Interruption(
        title=_("This invitation no longer opens") if why != "unknown" else _("No such invitation"),
        text=texts[why],
        icon="closed",
        actions=[Action(label=_("Log in"), url=reverse("login"))],
    )
    return show_interruption(request, page, status=404 if why == "unknown" else 410)


def _logged_in(request: HttpRequest) -> HttpResponse:
    text = _("You are logged in as %(name)s. An invitation makes a new account: log out first if it is for you.")
    page = Interruption(
        title=_("You have an account already"),
        text=text % {"name": request.user.get_username()},
        icon="desk",
        actions=[
            Action(label=_("Stay logged in"), url=reverse("overview")),
            Action(label=_("Log out"), url=reverse("logout"), posts=True),
        ],
    )
    return show_interruption(request, page, status=409)
