"""The page for a failed CSRF check, the page to which a button belongs, and the icon of pages without one."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.views.decorators.http import require_safe


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """A form was sent without a token that fits: mostly after logging in again. Leads back to the page of the work."""
    return render(request, "403_csrf.html", {"back": page_of_button(request.path)}, status=403)


def page_of_button(path: str) -> str | None:
    """Returns the page of the work whose button posts to `path`; None where there is no such page.

    The addresses of one page and its buttons have names that begin alike: work, work_submit, work_skip.
    """
    try:
        match = resolve(path)
        return reverse(str(match.url_name).partition("_")[0], args=[match.kwargs["token"]])
    except (Resolver404, NoReverseMatch, KeyError):
        return None


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Where browsers look for it on pages that name none, such as the API's answers."""
    return redirect(static("base/favicon.svg"))
