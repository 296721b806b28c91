"""Who may see what: the only place where views look people and their work up."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers

from labeling.desk.models import Assignment, Revision
from labeling.desk.queries.work import own_assignment
from labeling.desk.views import interruptions as calm
from labeling.home.queries.history import own_revision
from labeling.people.models import Labeler
from labeling.people.queries import labeler_of
from labeling.writing.models import Composition
from labeling.writing.queries import own_composition

P = ParamSpec("P")

REVISION_BUTTONS = ("submit_revision", "keep_as_it_was")


class LabelerRequest(HttpRequest):
    """A request of somebody who is logged in and has a labeler's profile, in whatever state."""

    user: User
    labeler: Labeler


def labeler_page(
    view: Callable[Concatenate[LabelerRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Strangers log in first and come back; people without a profile are told what to do."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(_page_to_return_to(request))
        labeler = labeler_of(request.user)
        if labeler is None:
            return calm.no_profile(request)
        request.labeler = labeler  # type: ignore[attr-defined]
        response = view(request, *args, **kwargs)  # type: ignore[arg-type]
        add_never_cache_headers(response)  # Back must not show a draft as it was an hour ago
        return response

    return guarded  # type: ignore[return-value]


def _page_to_return_to(request: HttpRequest) -> str:
    """After logging in: the same page; for a button that was pressed, the page that the button is on."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    match = request.resolver_match
    token = match.kwargs.get("token") if match else None
    if not match or not token:
        return reverse("overview")
    name = str(match.url_name)
    page = "compose" if name.startswith("compose") else "revise" if name in REVISION_BUTTONS else "work"
    return reverse(page, args=[token])


def find_own(request: LabelerRequest, token: UUID) -> Assignment:
    """The labeler's own assignment. Raises Http404 for anybody else's: that it exists is nobody's business."""
    try:
        return own_assignment(request.labeler, str(token))
    except Assignment.DoesNotExist:
        raise Http404 from None


def find_own_composition(request: LabelerRequest, token: UUID) -> Composition:
    """The labeler's own writing. Raises Http404 for anybody else's."""
    try:
        return own_composition(request.labeler, str(token))
    except Composition.DoesNotExist:
        raise Http404 from None


def find_own_revision(request: LabelerRequest, token: UUID) -> Revision:
    """The labeler's own revision. Raises Http404 for anybody else's."""
    try:
        return own_revision(request.labeler, str(token))
    except Revision.DoesNotExist:
        raise Http404 from None
