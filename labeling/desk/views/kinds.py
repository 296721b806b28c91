"""How each kind of work is drawn and handed in. The doors to both are in views/work.py."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from labeling.base.refusals import EmptyText
from labeling.base.states import AssignmentKind
from labeling.desk.demonstrating.services import revise_demonstration, submit_demonstration
from labeling.desk.forms import Data, DemonstrationSheet, Problem, RankingEntry, RankingSheet, SkipForm, data_of_draft
from labeling.desk.models import Assignment, Revision
from labeling.desk.queries.work import ranking_page, work_of
from labeling.desk.ranking.rules import InvalidRanking
from labeling.desk.ranking.services import revise_ranking, submit_ranking
from labeling.desk.ranking.views import card_html
from labeling.desk.rules.working_time import believable
from labeling.people.views.access import LabelerRequest


class EntryRefused(Exception):
    """What was sent does not make a label yet; the page shows why."""


class Desk(Protocol):
    """One kind of work: its page, and handing it in."""

    def show(
        self,
        request: LabelerRequest,
        assignment: Assignment,
        *,
        data: Data | None = None,
        skip: SkipForm | None = None,
        revising: Revision | None = None,
    ) -> HttpResponse:
        """The page with `data`, checked aloud, or with the draft. 422 when something is wrong with what was sent.

        `revising`: a revision of what was handed in, with a draft of its own.
        """

    def hand_in(self, request: LabelerRequest, assignment: Assignment, *, revising: Revision | None = None) -> bool:
        """False: the revision changes nothing. Raises EntryRefused and what the service raises."""


class RankingDesk:
    def show(
        self,
        request: LabelerRequest,
        assignment: Assignment,
        *,
        data: Data | None = None,
        skip: SkipForm | None = None,
        revising: Revision | None = None,
    ) -> HttpResponse:
        page = ranking_page(assignment, interface_language=get_language() or "en", revising=revising)
        draft = data_of_draft(revising.fields() if revising else assignment.draft)
        sheet = RankingSheet(page, data or draft, checked=data is not None and skip is None)
        skip = skip or SkipForm(data or draft)
        problems = sheet.problems + skip.problems or ([_cannot_be_kept()] if sheet.checked else [])
        cards = [card_html(card, language=page.work.language) for card in sheet.cards]
        context = {"page": page, "work": page.work, "sheet": sheet, "cards": cards, "skip": skip, "problems": problems}
        context |= _doors_of(assignment, revising)
        return render(request, "desk/ranking/ranking.html", context, status=422 if problems else 200)

    def hand_in(self, request: LabelerRequest, assignment: Assignment, *, revising: Revision | None = None) -> bool:
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
        hand_in = revise_ranking if revising else submit_ranking
        seconds = entry.whole.cleaned_data["active_seconds"]
        try:
            label = hand_in(
                labeler=request.labeler,
                token=str((revising or assignment).token),
                judgements=entry.judgements(),
                note=entry.whole.cleaned_data["note"],
                strengths=entry.strengths(),
                none_acceptable=entry.whole.cleaned_data["none_acceptable"],
                active_seconds=within_wall_time(_begun_at(assignment, revising), seconds),
            )
        except InvalidRanking as invalid:
            raise EntryRefused from invalid
        return label is not None


class DemonstrationDesk:
    def show(
        self,
        request: LabelerRequest,
        assignment: Assignment,
        *,
        data: Data | None = None,
        skip: SkipForm | None = None,
        revising: Revision | None = None,
    ) -> HttpResponse:
        work = work_of(assignment, interface_language=get_language() or "en", revising=revising)
        draft = data_of_draft(revising.fields() if revising else assignment.draft)
        sheet = DemonstrationSheet(data or draft, checked=data is not None and skip is None)
        skip = skip or SkipForm(data or draft)
        problems = sheet.problems + skip.problems
        context = {"work": work, "sheet": sheet, "skip": skip, "problems": problems}
        return render(
            request,
            "desk/demonstrating/demonstration.html",
            context | _doors_of(assignment, revising),
            status=422 if problems else 200,
        )

    def hand_in(self, request: LabelerRequest, assignment: Assignment, *, revising: Revision | None = None) -> bool:
        sheet = DemonstrationSheet(request.POST, checked=True)
        if not sheet.is_valid():
            raise EntryRefused
        hand_in = revise_demonstration if revising else submit_demonstration
        seconds = sheet.form.cleaned_data["active_seconds"]
        try:
            label = hand_in(
                labeler=request.labeler,
                token=str((revising or assignment).token),
                text=sheet.form.cleaned_data["text"],
                active_seconds=within_wall_time(_begun_at(assignment, revising), seconds),
            )
        except EmptyText as empty:
            raise EntryRefused from empty
        return label is not None


DESKS: dict[str, Desk] = {
    AssignmentKind.RANKING: RankingDesk(),
    AssignmentKind.DEMONSTRATION: DemonstrationDesk(),
}


@dataclass(frozen=True, kw_only=True)
class Doors:
    """The addresses of a page on the desk: its own, and where it sends its work and its drafts."""

    page: str
    submit: str
    draft: str


def _doors_of(assignment: Assignment, revising: Revision | None) -> dict[str, object]:
    """What the page needs to send to the right place: to the work, or to the revision of what was handed in."""
    names = ("revise", "submit_revision", "revision_draft") if revising else ("work", "submit", "draft")
    token = (revising or assignment).token
    page, submit, draft = (reverse(name, args=[token]) for name in names)
    return {"doors": Doors(page=page, submit=submit, draft=draft), "back": page, "revising": revising}


def _begun_at(assignment: Assignment, revising: Revision | None) -> datetime:
    return revising.started_at if revising else assignment.claimed_at


def within_wall_time(begun_at: datetime, seconds: float) -> float:
    """Nobody is active for longer than they have held the work, whatever their browser says."""
    return believable(seconds, held_for=(timezone.now() - begun_at).total_seconds())


def _cannot_be_kept() -> Problem:
    return Problem(text=_("This ranking can't be taken as it is. Reload the page and try again."), places=[])
