"""The pages of work that is handed out. It can be skipped, held through a pause and taken up again as well."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from labeling.base.refusals import (
    AlreadySkipped,
    AlreadySubmitted,
    CampaignNotOpen,
    DraftConflict,
    LabelerNotActive,
    LeaseLost,
    Refusal,
)
from labeling.base.states import AssignmentState
from labeling.desk.forms import SkipForm
from labeling.desk.models import Assignment
from labeling.desk.services import assignments
from labeling.desk.services.assignments import ASSIGNMENTS
from labeling.desk.services.drafts import check_builds_on
from labeling.desk.views.held_work import HeldPages, find_own, keep_sent, page_or_button, received
from labeling.desk.views.interruptions import Words, closed_campaign, lapsed, overview, refused
from labeling.desk.views.kinds import HandedOutKind, NotSkipped
from labeling.desk.views.next_work import answers_here
from labeling.desk.views.prerequisites import prerequisite_of
from labeling.people.views.access import LabelerRequest, labeler_page


class AssignmentPages(HeldPages[Assignment]):
    table = ASSIGNMENTS
    page = "work"
    revisable = True

    def __init__(self, kinds: Iterable[HandedOutKind]) -> None:
        self.kinds = {kind.name: kind for kind in kinds}

    def kind_of(self, held: Assignment) -> HandedOutKind:
        return self.kinds[held.kind]

    def submitted(self, request: LabelerRequest, held: Assignment) -> HttpResponse | None:  # noqa: ARG002
        return self.way_to_closed(held) if held.state == AssignmentState.SUBMITTED else None

    def way_to_closed(self, held: Assignment) -> HttpResponse:
        return redirect("submission", token=held.token)

    def prerequisite(self, request: LabelerRequest, held: Assignment) -> HttpResponse | None:
        if held.state == AssignmentState.LAPSED:
            kind = self.kind_of(held)
            return lapsed(request, held, kept=kind.kept(held, held.draft), onward=kind.next_action())
        return prerequisite_of(request, held)

    def refused(
        self, request: LabelerRequest, held: Assignment, refusal: Refusal, *, draft: Mapping[str, object]
    ) -> HttpResponse:
        kind = self.kind_of(held)
        kept, onward = kind.kept(held, draft), kind.next_action()
        if isinstance(refusal, LeaseLost):
            return lapsed(request, held, kept=kept, onward=onward, status=409)
        skipped = _("You skipped this task, and it went back to the queue for somebody else.")
        words = {
            CampaignNotOpen: closed_campaign(held),
            AlreadySkipped: Words(title=_("You skipped this one"), text=skipped, icon="skip"),
        }
        actions = [overview()] if isinstance(refusal, LabelerNotActive) else [onward, overview()]
        return refused(request, held, refusal, words=words, actions=actions, kept=kept)

    def urls(self) -> list[URLPattern]:
        buttons = {"skip": skip, "resume": resume, "hold": hold}
        return super().urls() + [self.address(button, view) for button, view in buttons.items()]


@page_or_button
@labeler_page
@answers_here
def skip(request: LabelerRequest, token: UUID, pages: AssignmentPages) -> HttpResponse:
    assignment = find_own(ASSIGNMENTS, request, token)
    if request.method != "POST":
        return redirect("work", token=token)
    if assignment.state == AssignmentState.SUBMITTED:
        return pages.was_closed_before(request, assignment)
    kind = pages.kind_of(assignment)
    form = SkipForm(request.POST, checked=True)
    try:
        check_builds_on(assignment, received(ASSIGNMENTS, request, assignment))
    except DraftConflict as newer:
        return pages.both(request, assignment, newer)
    keep_sent(ASSIGNMENTS, request, token)
    if not form.is_valid():
        found = find_own(ASSIGNMENTS, request, token)
        return kind.show(request, found, sent=request.POST, refused=NotSkipped(form))
    reason, note = form.cleaned_data["skip_reason"], form.cleaned_data["skip_note"]
    try:
        assignments.skip(labeler=request.labeler, token=str(token), reason=reason, note=note)
    except AlreadySubmitted:
        return pages.was_closed_before(request, assignment)
    messages.info(request, _("Skipped. You won't be offered it again."), extra_tags=f"handed-in {token}")
    return kind.next_page(request)


@require_POST
@labeler_page
def resume(request: LabelerRequest, token: UUID, pages: AssignmentPages) -> HttpResponse:
    assignment = find_own(ASSIGNMENTS, request, token)
    try:
        assignments.resume(labeler=request.labeler, token=str(token))
    except Refusal as refusal:
        return pages.refused(request, assignment, refusal, draft=assignment.draft)
    return redirect("work", token=token)


@require_POST
@labeler_page
def hold(request: LabelerRequest, token: UUID, pages: AssignmentPages) -> HttpResponse:  # noqa: ARG001
    """Renews the lease of a page, which posts here every few minutes: paused, or with `at_work` while somebody reads.

    204: it is held. 409: it lapsed, and there is no place to take it back. 410: it is closed.
    """
    held = assignments.hold_at_work if "at_work" in request.POST else assignments.hold_through_pause
    try:
        assignment = held(labeler=request.labeler, token=str(token))
    except Assignment.DoesNotExist:
        raise Http404 from None
    status = {AssignmentState.OPEN: 204, AssignmentState.LAPSED: 409}
    return HttpResponse(status=status.get(AssignmentState(assignment.state), 410))
