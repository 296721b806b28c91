"""The best completion of a ranking, improved after it: offered, written, handed in."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.messages import turns_of
from labeling.base.refusals import DraftConflict, EditAlreadyRanked, EditRefused, EmptyText
from labeling.base.states import CompositionKind
from labeling.desk.demonstrating.forms import DemonstrationForm
from labeling.desk.forms import Data, data_of_draft
from labeling.desk.models import Assignment
from labeling.desk.ranking.models import RankedCompletion
from labeling.desk.rules.drafts import SentDraft, letter_of
from labeling.desk.views.kinds import HandedOutKind, NotHandedIn
from labeling.people.views.access import LabelerRequest
from labeling.writing.edits.services import offer_edit, submit_edit
from labeling.writing.models import Composition
from labeling.writing.queries import writing_of
from labeling.writing.views.kinds import OwnKind


def page_of_edit(assignment: Assignment) -> HttpResponse | None:
    """Returns the page on which the best of a ranking can be improved, where the campaign asks for it."""
    if not assignment.campaign.ask_edit:
        return None
    offered = offer_edit(ranking=assignment.rankings.select_related("task__campaign").latest("revision"))
    return redirect("compose", token=offered.token) if offered else None


class EditKind(OwnKind):
    name = CompositionKind.EDIT
    title = gettext_lazy("Improve the best completion")
    icon = "icons/note.svg"
    template = "writing/edits/edit.html"
    discarded = gettext_lazy("Left as it was.")

    def __init__(self, *, ranking: HandedOutKind) -> None:
        self.ranking = ranking

    def show(
        self,
        request: LabelerRequest,
        held: Composition,
        *,
        sent: Data | None = None,
        refused: NotHandedIn | None = None,
        newer: DraftConflict | None = None,
    ) -> HttpResponse:
        """Which of the best is improved may be in the address as well."""
        data = sent if sent is not None else data_of_draft(held.draft)
        if not data.get("best") and (best := request.GET.get("best")):
            data = Data({**dict(data.lists()), "best": [best]})
        return super().show(request, held, sent=data, refused=refused, newer=newer)

    def context(self, held: Composition, *, sent: Data | None, refused: NotHandedIn | None) -> dict[str, object]:
        data = sent if sent is not None else data_of_draft(held.draft)
        best = best_of(held)
        chosen = _chosen(best, str(data.get("best", "")))
        data = data if "text" in data or chosen is None else Data({"text": [chosen.completion.text]})
        form = DemonstrationForm(data, checked=refused is not None)
        return _prompt_of(held) | {
            "work": writing_of(held, interface_language=get_language() or "en"),
            "form": form,
            "problems": (refused.problems if refused else []) + form.problems,
            "best": [_shown(each) for each in best],
            "chosen": _shown(chosen) if chosen else None,
            "back": reverse("compose", args=[held.token]),
        }

    def hand_in(self, request: LabelerRequest, held: Composition, sent: SentDraft) -> str:
        form = DemonstrationForm(request.POST)
        chosen = _chosen(best_of(held), request.POST.get("best", ""))
        if chosen is None:
            raise NotHandedIn(_("Choose first which of the best you improve."), address="#text")
        if not form.is_valid():
            raise NotHandedIn
        try:
            submit_edit(
                labeler=request.labeler,
                token=str(held.token),
                shown_position=chosen.shown_position,
                text=form.cleaned_data["text"],
                active_seconds=sent.active_seconds,
                sent=sent,
            )
        except EditAlreadyRanked as ranked:
            text = _(
                "This is completion %(letter)s, which has its rank already: one text can't be better than itself. "
                "Improve it further, or leave the best as it is."
            )
            raise NotHandedIn(text % {"letter": letter_of(ranked.shown_position)}, address="#text") from ranked
        except (EditRefused, EmptyText) as refused:
            text = _("Nothing was changed yet. Improve the text, or leave it as it is.")
            raise NotHandedIn(text, address="#text") from refused
        return _("Improvement saved.")

    def answers_in(self, sent: Data) -> list[str]:
        return [sent.get("text", "")]

    def after_hand_in(self, request: LabelerRequest, held: Composition) -> HttpResponse:  # noqa: ARG002
        return self.ranking.next_page(request)

    def after_discard(self, request: LabelerRequest) -> HttpResponse:
        return self.ranking.next_page(request)

    def show_submitted(self, request: LabelerRequest, composition: Composition) -> HttpResponse:
        assert composition.ranking is not None  # a CHECK constraint
        assert request.labeler.pk == composition.labeler_id
        return redirect("submission", token=composition.ranking.assignment.token)


def best_of(composition: Composition) -> list[RankedCompletion]:
    """The completions that the labeler put at rank 1, in the order shown."""
    assert composition.ranking is not None  # a CHECK constraint
    ranked = RankedCompletion.objects.filter(ranking=composition.ranking, rank=1)
    return list(ranked.select_related("completion").order_by("shown_position"))


def _chosen(best: list[RankedCompletion], position: str) -> RankedCompletion | None:
    return best[0] if len(best) == 1 else next((each for each in best if str(each.shown_position) == position), None)


def _shown(ranked: RankedCompletion) -> dict[str, object]:
    html = render_markdown(ranked.completion.text, headings_from=TEXT_HEADINGS_FROM)
    return {"position": ranked.shown_position, "letter": letter_of(ranked.shown_position), "html": html}


def _prompt_of(composition: Composition) -> dict[str, object]:
    assert composition.ranking is not None  # a CHECK constraint
    prompt = composition.ranking.task.prompt
    return {"turns": turns_of(prompt.messages), "language": prompt.language}
