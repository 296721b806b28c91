"""Pages that a labeler sees before a piece of work: instructions not read yet, and a content warning."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language

from labeling.base.states import ContentWarning, SkipReason
from labeling.campaigns.queries import has_read, instruction_version, reading_of
from labeling.desk.models import Assignment
from labeling.desk.queries.work import is_unexpected
from labeling.people.views.access import LabelerRequest

SHOWN = "shown"
"""In the address of work whose warning was read: show it."""


def unread_instructions(request: LabelerRequest, version_id: int) -> HttpResponse | None:
    """Returns the page with instructions that the labeler has to read first; None when they have read them."""
    return None if has_read(request.labeler, version_id) else _instructions(request, version_id)


def prerequisite_of(request: LabelerRequest, assignment: Assignment) -> HttpResponse | None:
    """Returns the page to show before the work; None when there is none."""
    page = _what_stands_before(request, assignment)
    return page() if page else None


def has_prerequisite(request: LabelerRequest, assignment: Assignment) -> bool:
    """Whether `prerequisite_of` has a page. It renders none, because a page's one-time message would be lost."""
    return _what_stands_before(request, assignment) is not None


def _what_stands_before(request: LabelerRequest, assignment: Assignment) -> Callable[[], HttpResponse] | None:
    if not has_read(request.labeler, assignment.instruction_version_id):
        return partial(_instructions, request, assignment.instruction_version_id)
    if is_unexpected(assignment) and SHOWN not in request.GET:
        return partial(_warning, request, assignment)
    return None


def _instructions(request: LabelerRequest, version_id: int) -> HttpResponse:
    version = instruction_version(version_id)
    reading = reading_of(request.labeler, version, interface_language=get_language() or "en")
    context = {"reading": reading, "page": reading.page, "version": version, "back": request.get_full_path()}
    return render(request, "desk/read_first.html", context)


def _warning(request: LabelerRequest, assignment: Assignment) -> HttpResponse:
    context = {
        "warnings": [ContentWarning(warning).label for warning in assignment.prompt.content_warnings],
        "token": assignment.token,
        "campaign": assignment.campaign.name,
        "show": f"?{urlencode({SHOWN: 1})}",
        "reason": SkipReason.HARMFUL_TO_ME,
    }
    return render(request, "desk/content_warning.html", context)
