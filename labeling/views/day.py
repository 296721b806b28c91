from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from labeling.queries.day import day_of
from labeling.views.access import LabelerRequest, labeler_page
from labeling.working_time import IDLE_SECONDS, LONGEST_TASK_SECONDS


@require_safe
@labeler_page
def day(request: LabelerRequest) -> HttpResponse:
    caps = {"idle_seconds": IDLE_SECONDS, "longest_hours": LONGEST_TASK_SECONDS // 3600}
    return render(
        request, "desk/day.html", {"page": day_of(request.labeler), "zone": request.labeler.time_zone, **caps}
    )
