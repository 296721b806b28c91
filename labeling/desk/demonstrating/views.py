"""Demonstrations as a kind of work."""

from collections.abc import Mapping

from django.utils.translation import get_language, gettext_lazy, ngettext

from labeling.base.refusals import EmptyText
from labeling.base.states import AssignmentKind
from labeling.desk.demonstrating.forms import DemonstrationForm
from labeling.desk.demonstrating.queries import DemonstrationSubmission, demonstration_submission
from labeling.desk.demonstrating.services import fields_of_demonstration, revise_demonstration, submit_demonstration
from labeling.desk.forms import Data
from labeling.desk.models import Assignment, Revision
from labeling.desk.queries.work import work_of
from labeling.desk.rules.drafts import Draft, SentDraft, kept_text
from labeling.desk.services.assignments import claim_demonstration
from labeling.desk.views.interruptions import Kept
from labeling.desk.views.kinds import HandedOutKind, LabelForm, NotHandedIn
from labeling.people.models import Labeler
from labeling.people.views.access import LabelerRequest


class DemonstrationKind(HandedOutKind):
    name = AssignmentKind.DEMONSTRATION
    title = gettext_lazy("Demonstration")
    plural = gettext_lazy("Demonstrations")
    icon = "icons/pen.svg"
    template = "desk/demonstrating/demonstration.html"
    submitted_template = "desk/demonstrating/submitted.html"
    invitation = gettext_lazy("Write demonstrations")
    about = gettext_lazy("Write the answer that you would like to get.")
    start = gettext_lazy("Start writing")
    go_on = gettext_lazy("Continue writing")
    next_one = gettext_lazy("Next demonstration")
    nothing = gettext_lazy("Nothing to write right now")

    def claim(self, labeler: Labeler) -> Assignment | None:
        return claim_demonstration(labeler=labeler)

    def form_context(
        self, held: Assignment | Revision, data: Data, *, checked: bool
    ) -> tuple[LabelForm, dict[str, object]]:
        work = work_of(held, interface_language=get_language() or "en")
        return DemonstrationForm(data, checked=checked), {"work": work}

    def hand_in(self, request: LabelerRequest, held: Assignment | Revision, sent: SentDraft) -> str:
        form = DemonstrationForm(request.POST)
        if not form.is_valid():
            raise NotHandedIn
        hand_in = revise_demonstration if isinstance(held, Revision) else submit_demonstration
        try:
            demonstration = hand_in(
                labeler=request.labeler,
                token=str(held.token),
                text=form.cleaned_data["text"],
                active_seconds=sent.active_seconds,
                sent=sent,
            )
        except EmptyText as empty:
            raise NotHandedIn from empty
        return self.said(request, held, changed=demonstration is not None)

    def answers_in(self, sent: Data) -> list[str]:
        return [sent.get("text", "")]

    def fields_handed_in(self, assignment: Assignment) -> Draft:
        return fields_of_demonstration(assignment)

    def submitted_page(self, assignment: Assignment, revision: int | None) -> DemonstrationSubmission:
        return demonstration_submission(assignment, revision=revision)

    def kept(self, assignment: Assignment, draft: Mapping[str, object]) -> Kept | None:
        text = kept_text(draft)
        return Kept(text=text, language=assignment.prompt.language) if text.strip() else None

    def saved(self, count: int) -> str:
        text = ngettext("Demonstration saved · %(count)d today", "Demonstration saved · %(count)d today", count)
        return text % {"count": count}
