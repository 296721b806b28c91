from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from labeling.queries.overview import overview_of
from labeling.states import LabelerState
from labeling.views import calm
from labeling.views.access import LabelerRequest, labeler_page


@require_safe
@labeler_page
def overview(request: LabelerRequest) -> HttpResponse:
    if request.labeler.state != LabelerState.ACTIVE:
        return calm.not_active(request, request.labeler)
    return render(request, "desk/overview.html", {"page": overview_of(request.labeler)})
