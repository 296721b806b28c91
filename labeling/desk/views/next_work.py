"""The next piece of work: only a POST claims it. docs/decisions/the-next-task.md gives the reasons."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from labeling.base.states import AssignmentKind
from labeling.desk.queries.available import is_at_work, waiting_for
from labeling.desk.queries.idle import why_nothing
from labeling.desk.views.idle import words_for_labeler
from labeling.desk.views.kinds import HandedOutKind, asks_for_it_here
from labeling.people.views.access import LabelerRequest, labeler_page, not_active

P = ParamSpec("P")


@require_http_methods(["GET", "HEAD", "POST"])
@labeler_page
def next_work(request: LabelerRequest, kind: HandedOutKind) -> HttpResponse:
    """POST claims work and redirects to it; GET says what waits, and is where a POST without result leads."""
    if not is_at_work(request.labeler):
        return not_active(request, request.labeler)
    if request.method == "POST":
        return kind.next_page(request, otherwise=f"next_{kind.name}")
    queue = waiting_for(request.labeler, AssignmentKind(kind.name))
    idle = not queue.available and not queue.being_sampled
    reasons = words_for_labeler(why_nothing(request.labeler, AssignmentKind(kind.name))) if idle else []
    return render(request, "desk/queue.html", {"queue": queue, "kind": kind, "reasons": reasons})


def answers_here(
    view: Callable[Concatenate[LabelerRequest, P], HttpResponse],
) -> Callable[Concatenate[LabelerRequest, P], HttpResponse]:
    """A page that shows the next one in its place is told an address instead of being sent there.

    Its browser would follow by itself, without the page: what that address says once would be said to nobody.
    """

    @wraps(view)
    def answered(request: LabelerRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if not asks_for_it_here(request) or response.status_code != 302:
            return response
        return HttpResponse(status=204, headers={"Content-Location": response["Location"]})

    return answered  # type: ignore[return-value]
