"""The page on which a labeler revises the answers of own writing that a reviewer returned."""

from collections.abc import Mapping

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from labeling.base.refusals import EditRefused, Refusal
from labeling.desk.forms import Data, data_of_draft
from labeling.desk.rules.drafts import SentDraft
from labeling.desk.views.held_work import HeldPages
from labeling.desk.views.kinds import KindOfWork, NotHandedIn
from labeling.people.views.access import LabelerRequest
from labeling.writing.answers.forms import AnswersForm
from labeling.writing.answers.queries import answers_of, fields_of_answers, own_submission, revision_of
from labeling.writing.answers.services import RETURNED, revise_answers
from labeling.writing.models import Composition
from labeling.writing.queries import writing_of
from labeling.writing.views.compositions import refused_composition


class AnswersKind(KindOfWork[Composition]):
    name = "answers"
    title = gettext_lazy("Revise what was returned")
    icon = "icons/pen.svg"
    template = "writing/answers/answers.html"

    def context(self, held: Composition, *, sent: Data | None, refused: NotHandedIn | None) -> dict[str, object]:
        answers, page = answers_of(held), own_submission(held)
        data = sent if sent is not None else data_of_draft(_draft_of(held) or fields_of_answers(answers))
        form = AnswersForm(data, count=len(answers), checked=refused is not None)
        return {
            "work": writing_of(held, interface_language=get_language() or "en"),
            "composition": held,
            "urls": {name: reverse(f"answers_{name}", args=[held.token]) for name in ("submit", "draft")},
            "page": page,
            "seen": page.revision,
            "fields": form.shown([answer.query for answer in page.answers]),
            "form": form,
            "problems": (refused.problems if refused else []) + form.problems,
            "back": reverse("answers", args=[held.token]),
        }

    def hand_in(self, request: LabelerRequest, held: Composition, sent: SentDraft) -> str:
        form = AnswersForm(request.POST, count=len(answers_of(held)))
        if not form.is_valid():
            raise NotHandedIn
        try:
            revise_answers(
                labeler=request.labeler,
                token=str(held.token),
                texts=form.texts(),
                active_seconds=sent.active_seconds,
                sent=sent,
            )
        except EditRefused as unchanged:
            text = _("Nothing was changed yet. Change an answer, or write to the reviewer instead.")
            raise NotHandedIn(text) from unchanged
        return _("Revision saved. It counts from now on.")

    def answers_in(self, sent: Data) -> list[str]:
        return [sent[name] for name in sent if name.endswith("-answer-text")]

    def after_hand_in(self, request: LabelerRequest, held: Composition) -> HttpResponse:  # noqa: ARG002
        return redirect("compose", token=held.token)


def _draft_of(composition: Composition) -> Mapping[str, object]:
    """The draft of a revision; empty where it says what the writing began with, or an answer changed since."""
    draft: dict[str, object] = composition.draft
    return draft if draft.get("seen") == [str(revision_of(answers_of(composition)))] else {}


class ReturnedPages(HeldPages[Composition]):
    table = RETURNED
    page = "answers"
    closed_before = gettext_lazy("It is not with you any more. This is what counts.")
    kind = AnswersKind()

    def kind_of(self, held: Composition) -> AnswersKind:  # noqa: ARG002
        return self.kind

    def submitted(self, request: LabelerRequest, held: Composition) -> HttpResponse | None:  # noqa: ARG002
        """Nothing can be revised of a chat: its ranking is a piece of work of its own."""
        return None if self.table.is_open(held) and answers_of(held) else self.way_to_closed(held)

    def way_to_closed(self, held: Composition) -> HttpResponse:
        return redirect("compose", token=held.token)

    def refused(
        self, request: LabelerRequest, held: Composition, refusal: Refusal, *, draft: Mapping[str, object]
    ) -> HttpResponse:
        return refused_composition(request, held, refusal, draft=draft)
