"""The answer to a save for which PostgreSQL has no room: 507, with what was sent, so that nothing is lost."""

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from config.disk import is_disk_full

log = logging.getLogger(__name__)

NOT_SHOWN = ("csrfmiddlewaretoken", "password")


class DiskFullMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not is_disk_full(exception):
            return None
        log.error("PostgreSQL's disk is full; %s %s was answered with 507: %s", request.method, request.path, exception)
        said = _("The server has no room left, so this was not saved. Keep this page open and try again in a while.")
        if request.content_type == "application/json":
            return JsonResponse({"detail": said}, status=507)
        sent = [
            value
            for name, values in request.POST.lists()
            if not any(part in name for part in NOT_SHOWN)
            for value in values
            if value.strip()
        ]
        return render(request, "507.html", {"said": said, "sent": sent}, status=507)
