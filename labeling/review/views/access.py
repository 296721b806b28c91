"""Access to the pages of reviewers."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers

from labeling.base.views import page_of_button
from labeling.people.models import Labeler
from labeling.people.queries import labeler_of

P = ParamSpec("P")
REVIEW = "labeling.review_work"
"""The permission; the group of reviewers has it."""


class ReviewerRequest(HttpRequest):
    """A request of somebody who may review. `labeler`: their own profile, where they label as well."""

    user: User
    labeler: Labeler | None


def reviewer_page(
    view: Callable[Concatenate[ReviewerRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Redirects visitors to the login page and back. Raises PermissionDenied for those who may not review."""

    @wraps(view)
    def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            safe = request.method in ("GET", "HEAD")
            back = request.get_full_path() if safe else page_of_button(request.path) or reverse("overview")
            return redirect_to_login(back)
        if not request.user.has_perm(REVIEW):
            raise PermissionDenied
        request.labeler = labeler_of(request.user)  # type: ignore[attr-defined]
        response = view(request, *args, **kwargs)  # type: ignore[arg-type]
        add_never_cache_headers(response)
        return response

    return checked  # type: ignore[return-value]
