"""Access to the pages for labelers, and the pages that everybody else sees instead."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from labeling.base.interruptions import Action, Interruption, show_interruption
from labeling.base.states import LabelerState
from labeling.base.views import page_of_button
from labeling.people.models import Labeler
from labeling.people.queries import labeler_of, zone_of
from labeling.people.views.throttling import WhilePaused

P = ParamSpec("P")
Answer = TypeVar("Answer", bound=HttpResponseBase)


class LabelerRequest(HttpRequest):
    """A request of somebody who is logged in and has a labeler's profile, in whatever state."""

    user: User
    labeler: Labeler


def labeler_page(
    view: Callable[Concatenate[LabelerRequest, P], Answer],
) -> Callable[Concatenate[HttpRequest, P], Answer | HttpResponse]:
    """Redirects visitors to the login page and back; tells people without a labeler's profile what to do."""

    @wraps(view)
    def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> Answer | HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(_page_to_return_to(request))
        labeler = labeler_of(request.user)
        if labeler is None:
            return no_profile(request)
        request.labeler = labeler  # type: ignore[attr-defined]
        if request.method == "POST" and not WhilePaused().allow_request(request):
            return too_often(request)
        response = view(request, *args, **kwargs)  # type: ignore[arg-type]
        add_never_cache_headers(response)  # Back must not show a draft as it was an hour ago
        return response

    return checked  # type: ignore[return-value]


def _page_to_return_to(request: HttpRequest) -> str:
    """Returns the page to open after login: the same page; for a button that was pressed, the page that the button is
    on.
    """
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    return page_of_button(request.path) or reverse("overview")


def no_profile(request: HttpRequest) -> HttpResponse:
    """The page for staff and reviewers, who work elsewhere, and for accounts without a labeler's profile."""
    review = [Action(label=_("Review work"), url=reverse("review_queue"))]
    reviews = review if request.user.has_perm("labeling.review_work") else []
    if request.user.is_staff:
        admin = Action(label=_("Open the admin"), url=reverse("admin:index"))
        text = _("You run Concord; your account has no labeler's profile, so there is nothing to label here.")
        page = Interruption(title=_("Your place is the admin"), text=text, icon="desk", actions=[admin, *reviews])
        return show_interruption(request, page)
    if reviews:
        text = _("You look at what labelers hand in; your account has no labeler's profile, so you label nothing here.")
        page = Interruption(title=_("Your place is the reviewers' queue"), text=text, icon="desk", actions=reviews)
        return show_interruption(request, page)
    text = _("You are logged in, but nobody has made you a labeler yet. Ask whoever gave you this account.")
    return show_interruption(request, Interruption(title=_("Almost there"), text=text, icon="pause", actions=[]))


def not_active(request: HttpRequest, labeler: Labeler, *, held: Sequence[str] = ()) -> HttpResponse:
    """`held`: the addresses of work that they may still finish."""
    title, text = words_for_state(LabelerState(labeler.state))
    if held and (until := labeler.finishing_until):
        moment = date_format(until.astimezone(zone_of(labeler)), "DATETIME_FORMAT")
        text += " " + _("What you hold may be handed in until %(moment)s.") % {"moment": moment}
    finish = [Action(label=_("Finish what you hold"), url=address) for address in held]
    past = [
        Action(label=_("Your way in"), url=reverse("path")),
        Action(label=_("Your submissions"), url=reverse("history")),
        Action(label=_("Your numbers and pay"), url=reverse("me")),
    ]
    return show_interruption(request, Interruption(title=title, text=text, icon="pause", actions=[*finish, *past]))


@dataclass(frozen=True, kw_only=True)
class SentTexts:
    """What templates/desk/parts/kept.html shows."""

    text: str
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class TooOften(Interruption):
    kept: SentTexts | None


def too_often(request: HttpRequest) -> HttpResponse:
    """Somebody to whom no work is given sent more forms than are taken in an hour; what they wrote is shown."""
    written = [text for name in request.POST for text in request.POST.getlist(name) if name.endswith(("text", "note"))]
    text = _("While no work is given to you, only so much is saved in an hour. Copy what you wrote, or send it later.")
    page = TooOften(
        title=_("Too much at once"),
        text=text,
        icon="pause",
        actions=[Action(label=_("Back to the overview"), url=reverse("overview"))],
        kept=SentTexts(text="\n\n".join(filter(str.strip, written))) if any(map(str.strip, written)) else None,
    )
    return show_interruption(request, page, status=429)


def words_for_state(state: LabelerState) -> tuple[str, str]:
    """The title and the text that tell a labeler who is not active why there is no work."""
    if state == LabelerState.SUSPENDED:
        text = _("Your account is paused, so no work is handed out to it. What you did and what you began are kept.")
        return _("Your account is paused"), text
    if state == LabelerState.SCREENING:
        return _("You are being screened"), _(
            "Your answers are being looked at. You'll find work here once that is done."
        )
    if state == LabelerState.PRACTICE:
        text = _(
            "There is nothing more to practise on just now. You'll find real work here once you have been admitted."
        )
        return _("Nothing to practise right now"), text
    return _("Welcome to Concord"), _("Your account is ready. You'll find work here once you have been admitted.")
