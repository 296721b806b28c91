"""How each kind of work is drawn and handed in. The doors to both are in views/work.py."""

from typing import Protocol

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from labeling.card_moulds import card_html
from labeling.forms import Data, DemonstrationSheet, Problem, RankingEntry, RankingSheet, SkipForm, data_of_draft
from labeling.models import Assignment
from labeling.queries.work import ranking_page, work_of
from labeling.ranking import InvalidRanking
from labeling.refusals import EmptyText
from labeling.services.demonstrations import submit_demonstration
from labeling.services.rankings import submit_ranking
from labeling.states import AssignmentKind
from labeling.views.access import LabelerRequest
from labeling.working_time import believable


class EntryRefused(Exception):
    """What was sent does not make a label yet; the page shows why."""


class Desk(Protocol):
    """One kind of work: its page, and handing it in."""

    def show(
        self, request: LabelerRequest, assignment: Assignment, *, data: Data | None = None, skip: SkipForm | None = None
    ) -> HttpResponse:
        """The page with `data`, checked aloud, or with the draft. 422 when something is wrong with what was sent."""

    def hand_in(self, request: LabelerRequest, assignment: Assignment) -> None:
        """Raises EntryRefused and what the service raises."""


class RankingDesk:
    def show(
        self, request: LabelerRequest, assignment: Assignment, *, data: Data | None = None, skip: SkipForm | None = None
    ) -> HttpResponse:
        page = ranking_page(assignment, interface_language=get_language() or "en")
        draft = data_of_draft(assignment.draft)
        sheet = RankingSheet(page, data or draft, checked=data is not None and skip is None)
        skip = skip or SkipForm(data or draft)
        problems = sheet.problems + skip.problems or ([_cannot_be_kept()] if sheet.checked else [])
        cards = [card_html(card, language=page.work.language) for card in sheet.cards]
        context = {"page": page, "work": page.work, "sheet": sheet, "cards": cards, "skip": skip, "problems": problems}
        return render(request, "desk/ranking.html", context, status=422 if problems else 200)

    def hand_in(self, request: LabelerRequest, assignment: Assignment) -> None:
        assert assignment.rubric_version is not None  # a CHECK constraint: every ranking assignment has its rubric
        flag_keys = assignment.rubric_version.flag_keys()
        entry = RankingEntry(
            request.POST,
            k=len(assignment.shown_order),
            flag_keys=flag_keys,
            asks_strength=assignment.campaign.ask_strength,
        )
        if not entry.is_valid():
            raise EntryRefused
        try:
            submit_ranking(
                labeler=request.labeler,
                token=str(assignment.token),
                judgements=entry.judgements(),
                note=entry.whole.cleaned_data["note"],
                strengths=entry.strengths(),
                none_acceptable=entry.whole.cleaned_data["none_acceptable"],
                active_seconds=within_wall_time(assignment, entry.whole.cleaned_data["active_seconds"]),
            )
        except InvalidRanking as invalid:
            raise EntryRefused from invalid


class DemonstrationDesk:
    def show(
        self, request: LabelerRequest, assignment: Assignment, *, data: Data | None = None, skip: SkipForm | None = None
    ) -> HttpResponse:
        work = work_of(assignment, interface_language=get_language() or "en")
        draft = data_of_draft(assignment.draft)
        sheet = DemonstrationSheet(data or draft, checked=data is not None and skip is None)
        skip = skip or SkipForm(data or draft)
        problems = sheet.problems + skip.problems
        context = {"work": work, "sheet": sheet, "skip": skip, "problems": problems}
        return render(request, "desk/demonstration.html", context, status=422 if problems else 200)

    def hand_in(self, request: LabelerRequest, assignment: Assignment) -> None:
        sheet = DemonstrationSheet(request.POST, checked=True)
        if not sheet.is_valid():
            raise EntryRefused
        try:
            submit_demonstration(
                labeler=request.labeler,
                token=str(assignment.token),
                text=sheet.form.cleaned_data["text"],
                active_seconds=within_wall_time(assignment, sheet.form.cleaned_data["active_seconds"]),
            )
        except EmptyText as empty:
            raise EntryRefused from empty


DESKS: dict[str, Desk] = {
    AssignmentKind.RANKING: RankingDesk(),
    AssignmentKind.DEMONSTRATION: DemonstrationDesk(),
}


def within_wall_time(assignment: Assignment, seconds: float) -> float:
    """Nobody is active for longer than they have held the work, whatever their browser says."""
    return believable(seconds, held_for=(timezone.now() - assignment.claimed_at).total_seconds())


def _cannot_be_kept() -> Problem:
    return Problem(text=_("This ranking can't be taken as it is. Reload the page and try again."), places=[])
