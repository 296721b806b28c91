"""The next piece of work: a button claims it; looking claims nothing. docs/decisions/the-next-task.md says why so."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from labeling.base.refusals import LabelerNotActive
from labeling.base.states import AssignmentKind, LabelerState
from labeling.desk.models import Assignment
from labeling.desk.queries.available import waiting_for
from labeling.desk.queries.work import with_versions
from labeling.desk.services.assignments import claim_demonstration, claim_ranking
from labeling.desk.views import interruptions as calm
from labeling.desk.views.before_work import is_gated
from labeling.desk.views.kinds import DESKS
from labeling.people.models import Labeler
from labeling.people.views.access import LabelerRequest, labeler_page

P = ParamSpec("P")


class Claim(Protocol):
    def __call__(self, *, labeler: Labeler) -> Assignment | None: ...


CLAIMS: dict[str, Claim] = {
    AssignmentKind.RANKING: claim_ranking,
    AssignmentKind.DEMONSTRATION: claim_demonstration,
}


def next_work(kind: AssignmentKind) -> Callable[[HttpRequest], HttpResponse]:
    """POST claims and goes there; GET says what waits, and is where a POST ends that found nothing."""

    @require_http_methods(["GET", "HEAD", "POST"])
    @labeler_page
    def view(request: LabelerRequest) -> HttpResponse:
        if request.labeler.state != LabelerState.ACTIVE:
            return calm.not_active(request, request.labeler)
        if request.method == "POST":
            return on_to_the_next(request, kind, otherwise=f"next_{kind}")
        return render(request, "desk/queue.html", {"queue": waiting_for(request.labeler, kind)})

    return view


next_ranking = next_work(AssignmentKind.RANKING)
next_demonstration = next_work(AssignmentKind.DEMONSTRATION)


def on_to_the_next(request: LabelerRequest, kind: str, *, otherwise: str = "overview") -> HttpResponse:
    """Straight to the next work of that kind, or to the page named `otherwise` if there is none.

    A page that can show another in its place (next-page.js) asks for the next one as the answer itself, which
    saves a round trip and half of the server's work; all others are sent there.
    """
    try:
        assignment = CLAIMS[kind](labeler=request.labeler)
    except LabelerNotActive:
        return redirect("overview")
    if assignment is None:
        return redirect(otherwise)
    if _asks_for_it_here(request):
        return _shown_here(request, assignment)
    return redirect("work", token=assignment.token)


def answers_here(
    view: Callable[Concatenate[LabelerRequest, P], HttpResponse],
) -> Callable[Concatenate[LabelerRequest, P], HttpResponse]:
    """A page that shows the next one in its place is told an address instead of being sent there.

    Its browser would follow by itself, without the page: what that address says once would be said to nobody.
    """

    @wraps(view)
    def answered(request: LabelerRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if not _asks_for_it_here(request) or response.status_code != 302:
            return response
        return HttpResponse(status=204, headers={"Content-Location": response["Location"]})

    return answered  # type: ignore[return-value]


def _asks_for_it_here(request: HttpRequest) -> bool:
    return request.GET.get("next") == "here"


def _shown_here(request: LabelerRequest, assignment: Assignment) -> HttpResponse:
    if is_gated(request, with_versions(assignment)):
        return redirect("work", token=assignment.token)
    address = reverse("work", args=[assignment.token])
    request.path = request.path_info = address  # where the page's own links, such as the other language's, lead back to
    request.META["QUERY_STRING"] = ""
    response = DESKS[assignment.kind].show(request, assignment)
    response.headers["Content-Location"] = address
    return response
