"""One piece of work: shown, handed in, skipped, taken up again."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from labeling.base.refusals import AlreadySkipped, AlreadySubmitted, CampaignNotOpen, LabelerNotActive, Refusal
from labeling.base.states import AssignmentKind, AssignmentState, CampaignState, LabelerState
from labeling.desk.forms import SkipForm
from labeling.desk.models import Assignment
from labeling.desk.rules.drafts import Draft, draft_of
from labeling.desk.services import assignments
from labeling.desk.views import interruptions as calm
from labeling.desk.views.before_work import gate_of
from labeling.desk.views.claim import answers_here, on_to_the_next
from labeling.desk.views.kinds import DESKS, EntryRefused
from labeling.home.queries.overview import done_today
from labeling.people.views.access import LabelerRequest, find_own, labeler_page
from labeling.writing.edits.views import to_the_edit

page_or_button = require_http_methods(["GET", "HEAD", "POST"])
"""A reload or a language switch after a refused POST asks for the button's address; it leads back to the page."""


@require_safe
@labeler_page
def work(request: LabelerRequest, token: UUID) -> HttpResponse:
    assignment = find_own(request, token)
    if assignment.state == AssignmentState.SUBMITTED:
        return redirect("submission", token=token)
    try:
        check_standing(assignment)
    except Refusal as refusal:
        return calm.refused(request, assignment, refusal, draft=assignment.draft)
    if assignment.state == AssignmentState.LAPSED:
        return calm.lapsed(request, assignment, draft=assignment.draft)
    return gate_of(request, assignment) or DESKS[assignment.kind].show(request, assignment)


@page_or_button
@labeler_page
@answers_here
def submit(request: LabelerRequest, token: UUID) -> HttpResponse:
    assignment = find_own(request, token)
    if request.method != "POST":
        return redirect("work", token=token)
    if assignment.state == AssignmentState.SUBMITTED:
        return _handed_in_before(request, token)
    desk = DESKS[assignment.kind]
    try:
        check_standing(assignment)
        desk.hand_in(request, assignment)
    except Refusal as refusal:
        return calm.refused(request, assignment, refusal, draft=_keep(request, token))
    except EntryRefused:
        _keep(request, token)
        return desk.show(request, find_own(request, token), data=request.POST)
    messages.success(request, _confirmation(request, assignment.kind), extra_tags=f"handed-in {token}")
    return to_the_edit(assignment) or on_to_the_next(request, assignment.kind)


@page_or_button
@labeler_page
@answers_here
def skip(request: LabelerRequest, token: UUID) -> HttpResponse:
    assignment = find_own(request, token)
    if request.method != "POST":
        return redirect("work", token=token)
    if assignment.state == AssignmentState.SUBMITTED:
        return _handed_in_before(request, token)
    form = SkipForm(request.POST, checked=True)
    _keep(request, token)
    if not form.is_valid():
        return DESKS[assignment.kind].show(request, find_own(request, token), data=request.POST, skip=form)
    reason, note = form.cleaned_data["skip_reason"], form.cleaned_data["skip_note"]
    try:
        assignments.skip(labeler=request.labeler, token=str(token), reason=reason, note=note)
    except AlreadySubmitted:
        return _handed_in_before(request, token)
    messages.info(request, _("Skipped. You won't be offered it again."), extra_tags=f"handed-in {token}")
    return on_to_the_next(request, assignment.kind)


@require_POST
@labeler_page
def resume(request: LabelerRequest, token: UUID) -> HttpResponse:
    assignment = find_own(request, token)
    try:
        assignments.resume(labeler=request.labeler, token=str(token))
    except Refusal as refusal:
        return calm.refused(request, assignment, refusal, draft=assignment.draft)
    return redirect("work", token=token)


@require_POST
@labeler_page
def hold(request: LabelerRequest, token: UUID) -> HttpResponse:
    """Asked every few minutes by a page that is paused."""
    try:
        assignments.hold_through_pause(labeler=request.labeler, token=str(token))
    except Assignment.DoesNotExist:
        raise Http404 from None
    return HttpResponse(status=204)


def check_standing(assignment: Assignment) -> None:
    """Raises the refusal that this work would meet whatever was entered."""
    if assignment.state == AssignmentState.SKIPPED:
        raise AlreadySkipped
    if assignment.labeler.state != LabelerState.ACTIVE:
        raise LabelerNotActive
    if assignment.campaign.state == CampaignState.CLOSED:
        raise CampaignNotOpen


def _keep(request: LabelerRequest, token: UUID) -> Draft:
    draft = draft_of(request.POST.lists())
    assignments.keep_unsubmitted(labeler=request.labeler, token=str(token), draft=draft)
    return draft


def _handed_in_before(request: LabelerRequest, token: UUID) -> HttpResponse:
    text = _("This was submitted already. The first submission counts; here it is.")
    messages.info(request, text, extra_tags=f"handed-in {token}")
    return redirect("submission", token=token)


def _confirmation(request: LabelerRequest, kind: str) -> str:
    count = done_today(request.labeler, kind)
    if kind == AssignmentKind.RANKING:
        text = ngettext("Ranking saved · %(count)d today", "Ranking saved · %(count)d today", count)
    else:
        text = ngettext("Demonstration saved · %(count)d today", "Demonstration saved · %(count)d today", count)
    return text % {"count": count}
