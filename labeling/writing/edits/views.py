"""The best completion of a ranking, improved after it: offered, written, handed in."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.refusals import EditRefused, EmptyText
from labeling.base.states import AssignmentKind
from labeling.desk.forms import Data, DemonstrationSheet, Problem, data_of_draft
from labeling.desk.models import Assignment
from labeling.desk.queries.work import turns_of
from labeling.desk.ranking.models import RankedCompletion
from labeling.desk.rules.drafts import letter_of
from labeling.people.views.access import LabelerRequest
from labeling.writing.edits.services import offer_edit, submit_edit
from labeling.writing.models import Composition
from labeling.writing.queries import writing_of
from labeling.writing.views.kinds import CompositionRefused, within_wall_time


def to_the_edit(assignment: Assignment) -> HttpResponse | None:
    """After a ranking: on to improving its best, where the campaign asks."""
    if assignment.kind != AssignmentKind.RANKING or not assignment.campaign.ask_edit:
        return None
    offered = offer_edit(ranking=assignment.rankings.select_related("task__campaign").latest("revision"))
    return redirect("compose", token=offered.token) if offered else None


class EditComposer:
    def show(
        self,
        request: LabelerRequest,
        composition: Composition,
        *,
        data: Data | None = None,
        refused: CompositionRefused | None = None,
    ) -> HttpResponse:
        entry = data if data is not None else data_of_draft(composition.draft)
        best = best_of(composition)
        chosen = _chosen(best, str(entry.get("best", "")) or request.GET.get("best", ""))
        entry = entry if "text" in entry or chosen is None else Data({"text": [chosen.completion.text]})
        sheet = DemonstrationSheet(entry, checked=refused is not None)
        said = [Problem(text=text, places=[(_("Show"), "#text")]) for text in (refused.problems if refused else ())]
        context = _prompt_of(composition) | {
            "work": writing_of(composition, interface_language=get_language() or "en"),
            "sheet": sheet,
            "problems": said + sheet.problems,
            "best": [_shown(each) for each in best],
            "chosen": _shown(chosen) if chosen else None,
            "back": reverse("compose", args=[composition.token]),
        }
        return render(request, "writing/edits/edit.html", context, status=422 if refused else 200)

    def hand_in(self, request: LabelerRequest, composition: Composition) -> str:
        sheet = DemonstrationSheet(request.POST, checked=True)
        chosen = _chosen(best_of(composition), request.POST.get("best", ""))
        if chosen is None:
            raise CompositionRefused(_("Choose first which of the best you improve."))
        if not sheet.is_valid():
            raise CompositionRefused
        try:
            submit_edit(
                labeler=request.labeler,
                token=str(composition.token),
                shown_position=chosen.shown_position,
                text=sheet.form.cleaned_data["text"],
                active_seconds=within_wall_time(composition, sheet.form.cleaned_data["active_seconds"]),
            )
        except (EditRefused, EmptyText) as refused:
            text = _("Nothing was changed yet. Improve the text, or leave it as it is.")
            raise CompositionRefused(text) from refused
        return _("Improvement saved.")

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
