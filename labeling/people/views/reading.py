"""How a labeler reads, changed from any page of work."""

from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from labeling.base.refusals import LabelerRefused
from labeling.people.rules import READING_CHOICES
from labeling.people.services import change_reading
from labeling.people.views.access import LabelerRequest, labeler_page


@require_POST
@labeler_page
def reading(request: LabelerRequest) -> HttpResponse:
    """204 for a script, which shows the change itself; without scripts back to the preferences. 400: no such choice."""
    chosen = {name: request.POST[name] for name in READING_CHOICES if name in request.POST}
    try:
        change_reading(labeler=request.labeler, chosen=chosen)
    except LabelerRefused as refused:
        return JsonResponse({"detail": str(refused)}, status=400)
    if "whole" in request.POST:
        return redirect("preferences")
    return HttpResponse(status=204)
