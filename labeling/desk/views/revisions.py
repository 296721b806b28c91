"""Second thoughts: a submission opened again, revised and handed in, or kept as it was."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from labeling.base.refusals import AlreadyDiscarded, AlreadySubmitted, Refusal
from labeling.base.states import RevisionState
from labeling.desk.models import Revision
from labeling.desk.rules.drafts import draft_of
from labeling.desk.services import revisions
from labeling.desk.views import interruptions as calm
from labeling.desk.views.kinds import DESKS, EntryRefused
from labeling.desk.views.work import page_or_button
from labeling.people.views.access import LabelerRequest, find_own, find_own_revision, labeler_page


@page_or_button
@labeler_page
def start_revision(request: LabelerRequest, token: UUID) -> HttpResponse:
    assignment = find_own(request, token)
    if request.method != "POST":
        return redirect("submission", token=token)
    try:
        begun = revisions.start_revision(labeler=request.labeler, token=str(token))
    except Refusal as refusal:
        return calm.refused_revision(request, assignment, refusal)
    return redirect("revise", token=begun.token)


@require_safe
@labeler_page
def revise(request: LabelerRequest, token: UUID) -> HttpResponse:
    revision = find_own_revision(request, token)
    if revision.state != RevisionState.OPEN:
        return redirect("submission", token=revision.assignment.token)
    try:
        revisions.check_may_revise(revision.assignment)
    except Refusal as refusal:
        return calm.refused_revision(request, revision.assignment, refusal, draft=revision.draft)
    return DESKS[revision.assignment.kind].show(request, revision.assignment, revising=revision)


@page_or_button
@labeler_page
def submit_revision(request: LabelerRequest, token: UUID) -> HttpResponse:
    revision = find_own_revision(request, token)
    if request.method != "POST":
        return redirect("revise", token=token)
    assignment = revision.assignment
    desk = DESKS[assignment.kind]
    try:
        revisions.check_may_revise(assignment)
        revisions.check_open_revision(revision)
        changed = desk.hand_in(request, assignment, revising=revision)
    except (AlreadySubmitted, AlreadyDiscarded):
        return _closed_before(request, revision)
    except Refusal as refusal:
        _keep(request, token)
        return calm.refused_revision(request, assignment, refusal, draft=draft_of(request.POST.lists()))
    except EntryRefused:
        _keep(request, token)
        revision = find_own_revision(request, token)
        return desk.show(request, revision.assignment, data=request.POST, revising=revision)
    said = _("Revision saved. It counts from now on.") if changed else _("Nothing was changed, so it stays as it was.")
    messages.success(request, said, extra_tags=f"handed-in {token}")
    return redirect("submission", token=assignment.token)


@require_POST
@labeler_page
def keep_as_it_was(request: LabelerRequest, token: UUID) -> HttpResponse:
    revision = find_own_revision(request, token)
    try:
        revisions.keep_as_it_was(labeler=request.labeler, token=str(token))
    except AlreadySubmitted:
        return _closed_before(request, revision)
    messages.info(request, _("Kept as it was."), extra_tags=f"handed-in {token}")
    return redirect("submission", token=revision.assignment.token)


def _keep(request: LabelerRequest, token: UUID) -> None:
    draft = draft_of(request.POST.lists())
    revisions.keep_unsubmitted_revision(labeler=request.labeler, token=str(token), draft=draft)


def _closed_before(request: LabelerRequest, revision: Revision) -> HttpResponse:
    text = _("This revision was closed already, here or in another tab. This is what counts.")
    messages.info(request, text, extra_tags=f"handed-in {revision.token}")
    return redirect("submission", token=revision.assignment.token)
