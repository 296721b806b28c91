"""The right answer, for whoever has just ranked a gold item in a campaign that shows it."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from labeling.base.states import CheckKind
from labeling.desk.models import Assignment
from labeling.people.views.access import LabelerRequest, labeler_page
from labeling.quality.gold.models import Check
from labeling.quality.gold.queries import answer_to, shows_answer
from labeling.quality.gold.services.measuring import measure_for


def page_of_answer(assignment: Assignment) -> HttpResponse | None:
    """Leads to the right answer where what was just handed in is gold and its campaign shows it."""
    if not shows_answer(assignment.campaign):
        return None
    check = measure_for(labeler=assignment.labeler, task_id=assignment.task_id)
    if check is None or check.kind != CheckKind.GOLD or check.ranking_id is None:
        return None
    return redirect("answer", token=assignment.token)


@require_safe
@labeler_page
def answer(request: LabelerRequest, token: UUID) -> HttpResponse:
    try:
        page = answer_to(request.labeler, str(token), interface_language=get_language() or "en")
    except Check.DoesNotExist:
        raise Http404 from None
    return render(request, "quality/gold/answer.html", {"page": page})
