"""A labeler's own past work."""

from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from labeling.queries.history import demonstration_submission, history_row, ranking_submission, submitted_by
from labeling.states import AssignmentKind, AssignmentState
from labeling.views.access import LabelerRequest, find_own, labeler_page

ROWS_PER_PAGE = 25


@require_safe
@labeler_page
def history(request: LabelerRequest) -> HttpResponse:
    page = Paginator(submitted_by(request.labeler), ROWS_PER_PAGE).get_page(request.GET.get("page"))
    rows = [history_row(assignment) for assignment in page]
    return render(request, "desk/history.html", {"rows": rows, "page": page})


@require_safe
@labeler_page
def submission(request: LabelerRequest, token: UUID) -> HttpResponse:
    assignment = find_own(request, token)
    if assignment.state != AssignmentState.SUBMITTED:
        return redirect("work", token=token)
    if assignment.kind == AssignmentKind.RANKING:
        ranking = ranking_submission(assignment, interface_language=get_language() or "en")
        return render(request, "desk/submitted_ranking.html", {"page": ranking})
    return render(request, "desk/submitted_demonstration.html", {"page": demonstration_submission(assignment)})
