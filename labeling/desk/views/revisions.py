"""The pages of what was handed in: read, opened again, revised and handed in, or kept as it was."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from labeling.base.interruptions import Action
from labeling.base.refusals import AlreadyDiscarded, CampaignNotOpen, NotRevisable, Refusal, WorkSetAside
from labeling.base.states import AssignmentState, RevisionState
from labeling.desk.models import Assignment, Revision
from labeling.desk.queries.submissions import begun_revision
from labeling.desk.services import revisions
from labeling.desk.services.assignments import ASSIGNMENTS
from labeling.desk.services.revisions import REVISABLE, REVISIONS, is_revisable
from labeling.desk.views.held_work import HeldPages, discard, find_own, page_or_button
from labeling.desk.views.interruptions import Words, refused
from labeling.desk.views.kinds import HandedOutKind
from labeling.people.views.access import LabelerRequest, labeler_page


class RevisionPages(HeldPages[Revision]):
    table = REVISIONS
    page = "revise"
    closed_before = gettext_lazy("This revision was closed already, here or in another tab. This is what counts.")

    def __init__(self, kinds: Iterable[HandedOutKind]) -> None:
        self.kinds = {kind.name: kind for kind in kinds}

    def kind_of(self, held: Revision) -> HandedOutKind:
        return self.kinds[held.assignment.kind]

    def submitted(self, request: LabelerRequest, held: Revision) -> HttpResponse | None:  # noqa: ARG002
        return None if held.state == RevisionState.OPEN else self.way_to_closed(held)

    def way_to_closed(self, held: Revision) -> HttpResponse:
        return redirect("submission", token=held.assignment.token)

    def refused(
        self, request: LabelerRequest, held: Revision, refusal: Refusal, *, draft: Mapping[str, object]
    ) -> HttpResponse:
        if isinstance(refusal, AlreadyDiscarded):
            return self.was_closed_before(request, held)
        return self.not_revisable(request, held.assignment, refusal, draft=draft)

    def not_revisable(
        self, request: LabelerRequest, assignment: Assignment, refusal: Refusal, *, draft: Mapping[str, object]
    ) -> HttpResponse:
        """Returns the page that says why a submission can't be revised, with what was changed."""
        actions = [
            Action(label=_("What you submitted"), url=reverse("submission", args=[assignment.token])),
            Action(label=_("Your submissions"), url=reverse("history")),
        ]
        closed = _("“%(campaign)s” was closed, so it takes no revisions. Your submission counts as it is.")
        unfit = _("Somebody found it unfit, so nobody works on it any more. Your submission stays as it is.")
        old = _("You can revise your last %(count)d submissions. This one is older: it can be read.")
        words: dict[type[Refusal], Words] = {
            CampaignNotOpen: Words(
                title=_("This campaign is closed"), text=closed % {"campaign": assignment.campaign.name}, icon="closed"
            ),
            WorkSetAside: Words(title=_("This was set aside"), text=unfit, icon="closed"),
            NotRevisable: Words(title=_("Too long ago to revise"), text=old % {"count": REVISABLE}, icon="history"),
        }
        kept = self.kinds[assignment.kind].kept(assignment, draft)
        return refused(request, assignment, refusal, words=words, actions=actions, kept=kept)

    def after_discard(self, request: LabelerRequest, held: Revision) -> HttpResponse:
        messages.info(request, _("Kept as it was."), extra_tags=f"handed-in {held.token}")
        return self.way_to_closed(held)

    def urls(self) -> list[URLPattern]:
        at, pages = "history/<uuid:token>/", {"pages": self}
        return [
            *super().urls(),
            self.address("discard", discard),
            path(at, submission, pages, name="submission"),
            path(f"{at}<int:revision>/", submission, pages, name="submission_revision"),
            path(f"{at}revise/", start_revision, pages, name="submission_revise"),
        ]


@require_safe
@labeler_page
def submission(request: LabelerRequest, token: UUID, pages: RevisionPages, revision: int | None = None) -> HttpResponse:
    """The last revision of what was handed in, or the one asked for; with the way to a further one."""
    assignment = find_own(ASSIGNMENTS, request, token)
    if assignment.state != AssignmentState.SUBMITTED:
        return redirect("work", token=token)
    kind = pages.kinds[assignment.kind]
    try:
        page = kind.submitted_page(assignment, revision)
    except ObjectDoesNotExist:
        raise Http404 from None
    context = {
        "page": page,
        "begun": begun_revision(assignment),
        "may_revise": is_revisable(assignment),
        "assignment": assignment,
    }
    return render(request, kind.submitted_template, context)


@page_or_button
@labeler_page
def start_revision(request: LabelerRequest, token: UUID, pages: RevisionPages) -> HttpResponse:
    assignment = find_own(ASSIGNMENTS, request, token)
    if request.method != "POST":
        return redirect("submission", token=token)
    fields_of = pages.kinds[assignment.kind].fields_handed_in
    try:
        begun = revisions.start_revision(labeler=request.labeler, token=str(token), fields_of=fields_of)
    except Refusal as refusal:
        return pages.not_revisable(request, assignment, refusal, draft={})
    return redirect("revise", token=begun.token)
