"""Requests that are too large are refused before a byte of their body is read, whoever sends them.

Django reads an upload to its end before any view can refuse it, onto the disk, also for people who are not logged in.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

MIB = 1024 * 1024
IMPORT_PAGE = "/import_prompts"
"""Where the address of the admin's import ends."""


class RequestSizeMiddleware:
    """Behind authentication: only staff may send a file that is larger than any form."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        limit = _limit(request)
        if _length(request) <= limit:
            return self._get_response(request)
        said = _("The request is larger than %(limit)d MB, so it was not read. Send less.") % {"limit": limit // MIB}
        return HttpResponse(said, status=413, content_type="text/plain; charset=utf-8")


def _length(request: HttpRequest) -> int:
    """Without a length Django reads nothing of a body."""
    given = str(request.META.get("CONTENT_LENGTH") or "0")
    return int(given) if given.isdecimal() else 0


def _limit(request: HttpRequest) -> int:
    if request.path.rstrip("/").endswith(IMPORT_PAGE) and request.user.is_staff:
        return (settings.IMPORT_MAX_MB + 1) * MIB  # the other fields of the form
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE is not None  # config/settings/django.py
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
