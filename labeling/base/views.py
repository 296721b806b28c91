"""What Django would answer with a bare page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve, reverse


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """A form was sent without a token that fits: mostly after logging in again. Leads back to the page of the work."""
    return render(request, "403_csrf.html", {"back": _page_of(request.path)}, status=403)


def _page_of(path: str) -> str | None:
    try:
        match = resolve(path)
    except Resolver404:
        return None
    token, name = match.kwargs.get("token"), str(match.url_name)
    if token is None:
        return None
    return reverse("compose" if name.startswith("compose") else "work", args=[token])
