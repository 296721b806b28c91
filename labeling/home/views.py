"""A labeler's own past work."""

from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from labeling.base.states import AssignmentKind, AssignmentState, LabelerState
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import Ranking
from labeling.desk.rules.working_time import IDLE_SECONDS, LONGEST_TASK_SECONDS
from labeling.desk.services.revisions import REVISABLE, handed_in_since
from labeling.desk.views import interruptions as calm
from labeling.home.queries.day import day_of
from labeling.home.queries.history import (
    DemonstrationSubmission,
    RankingSubmission,
    begun_revision,
    demonstration_submission,
    history_row,
    ranking_submission,
    submitted_by,
)
from labeling.home.queries.overview import overview_of
from labeling.people.views.access import LabelerRequest, find_own, labeler_page
from labeling.writing.queries import handed_in_by

SUBMITTED: dict[str, str] = {
    AssignmentKind.RANKING: "desk/ranking/submitted.html",
    AssignmentKind.DEMONSTRATION: "desk/demonstrating/submitted.html",
}
"""What was handed in, by the kind of work."""


@require_safe
@labeler_page
def overview(request: LabelerRequest) -> HttpResponse:
    if request.labeler.state != LabelerState.ACTIVE:
        return calm.not_active(request, request.labeler)
    return render(request, "home/overview.html", {"page": overview_of(request.labeler)})


@require_safe
@labeler_page
def day(request: LabelerRequest) -> HttpResponse:
    caps = {"idle_seconds": IDLE_SECONDS, "longest_hours": LONGEST_TASK_SECONDS // 3600}
    return render(
        request, "home/day.html", {"page": day_of(request.labeler), "zone": request.labeler.time_zone, **caps}
    )


ROWS_PER_PAGE = 25


@require_safe
@labeler_page
def history(request: LabelerRequest) -> HttpResponse:
    page = Paginator(submitted_by(request.labeler), ROWS_PER_PAGE).get_page(request.GET.get("page"))
    rows = [history_row(assignment) for assignment in page]
    own = handed_in_by(request.labeler) if page.number == 1 else []
    return render(request, "home/history.html", {"rows": rows, "own": own, "page": page, "revisable": REVISABLE})


@require_safe
@labeler_page
def submission(request: LabelerRequest, token: UUID, revision: int | None = None) -> HttpResponse:
    """The last revision, or the one asked for; with the way to a further one."""
    assignment = find_own(request, token)
    if assignment.state != AssignmentState.SUBMITTED:
        return redirect("work", token=token)
    context = {
        "page": _page_of(assignment, revision),
        "begun": begun_revision(assignment),
        "may_revise": handed_in_since(assignment) < REVISABLE,
    }
    return render(request, SUBMITTED[assignment.kind], context)


def _page_of(assignment: Assignment, revision: int | None) -> RankingSubmission | DemonstrationSubmission:
    try:
        if assignment.kind == AssignmentKind.RANKING:
            return ranking_submission(assignment, interface_language=get_language() or "en", revision=revision)
        return demonstration_submission(assignment, revision=revision)
    except (Ranking.DoesNotExist, Demonstration.DoesNotExist):
        raise Http404 from None
