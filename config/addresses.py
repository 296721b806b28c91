"""Addresses that nothing here can be at: with a NUL, which PostgreSQL stores nowhere and refuses in every query.

No browser and no form sends one; a scanner does, and finds whatever puts a part of an address into a query.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import bad_request


class AddressMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        parts = (part for name, values in request.GET.lists() for part in (name, *values))
        if "\0" in request.path or any("\0" in part for part in parts):
            return _refused(request, "The address has a NUL in it.")
        return self.get_response(request)


def _refused(request: HttpRequest, why: str) -> HttpResponse:
    """To programs as all refusals of the API (RFC 9457)."""
    if not request.path.startswith("/api/"):
        return bad_request(request, ValueError(why))
    problem = {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": why}
    return JsonResponse(problem, status=400, content_type="application/problem+json")
