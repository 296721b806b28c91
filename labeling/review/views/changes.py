"""What reviewers change themselves: a label fixed in its labeler's place, and several rankings adjudicated."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.base.refusals import AlreadyDecided, DraftConflict, OwnWork, Refusal
from labeling.base.states import AssignmentKind, ReviewState
from labeling.desk.demonstrating.forms import DemonstrationForm
from labeling.desk.demonstrating.services import fields_of_demonstration
from labeling.desk.forms import Data, data_of_draft
from labeling.desk.models import Assignment
from labeling.desk.ranking.forms import RankingForm
from labeling.desk.ranking.queries import ranking_page
from labeling.desk.ranking.rules.judgements import InvalidRanking
from labeling.desk.ranking.services import fields_of_ranking
from labeling.desk.ranking.views import card_html, cards_of
from labeling.desk.views.drafts import DraftSerializer
from labeling.review.forms import AdjudicationForm, FixForm
from labeling.review.models.reviews import Review, Work
from labeling.review.queries.labels import revision_of
from labeling.review.queries.pages import SideBySide, side_by_side
from labeling.review.services import adjudications, drafts, fixing, reviews
from labeling.review.views.access import REVIEW, ReviewerRequest, reviewer_page
from labeling.review.views.reviews import common_context, find, to_next, to_what_was_decided, words_of_refusal
from labeling.writing.answers.forms import AnswersForm
from labeling.writing.answers.queries import answers_of, fields_of_answers, own_submission
from labeling.writing.models import Composition

page_or_button = require_http_methods(["GET", "HEAD", "POST"])


def _closed_to(request: ReviewerRequest, found: Review) -> HttpResponse | None:
    """The page that says why nothing can be changed here; None while it can."""
    if reviews.is_own(found, request.user):
        return render(request, "review/own.html", status=403)
    return None if found.state == ReviewState.WAITING else to_what_was_decided(request, found.token)


@page_or_button
@reviewer_page
def fix(request: ReviewerRequest, token: UUID) -> HttpResponse:
    """What one labeler handed in, with the fields of their own page. POST makes them its next revision."""
    found = find(request, token)
    if found.work is None:
        raise Http404
    if closed := _closed_to(request, found):
        return closed
    if request.method != "POST":
        return _show(request, found, found.work)
    decision = FixForm(request.POST)
    wrong = " ".join(str(error) for errors in decision.errors.values() for error in errors)
    try:
        problem = wrong or _hand_in(request, found, found.work, decision)
    except OwnWork:
        return render(request, "review/own.html", status=403)
    except AlreadyDecided:
        return to_what_was_decided(request, token)
    except Refusal as refusal:
        problem = words_of_refusal(refusal)
    if problem is not None:
        return _show(request, found, found.work, sent=request.POST, problem=problem)
    messages.success(request, _("Fixed. Your revision counts from now on; the labeler's stays before it."))
    return to_next(request)


def _hand_in(request: ReviewerRequest, found: Review, work: Work, decision: FixForm) -> str | None:
    """Returns what is wrong with what was sent, "" where the form itself says it; None once it is handed in."""
    why = decision.cleaned_data["why"]
    said = {"token": str(found.token), "reviewer": request.user, "seen": decision.cleaned_data["seen"], "text": why}
    if isinstance(work, Composition):
        answers = AnswersForm(request.POST, count=len(answers_of(work)))
        if not answers.is_valid():
            return ""
        fixing.fix_answers_of(answers=answers.texts(), **said)
        return None
    return _hand_in_label(request, work, said)


def _hand_in_label(request: ReviewerRequest, assignment: Assignment, said: dict[str, Any]) -> str | None:
    if assignment.kind == AssignmentKind.DEMONSTRATION:
        written = DemonstrationForm(request.POST)
        if not written.is_valid():
            return ""
        fixing.fix_demonstration_of(demonstration=written.cleaned_data["text"], **said)
        return None
    form = _ranking_form(request.POST, assignment)
    if not form.is_valid():
        return ""
    whole = form.whole.cleaned_data
    try:
        fixing.fix_ranking_of(
            judgements=form.judgements(), note=whole["note"], strengths=form.strengths(),
            none_acceptable=whole["none_acceptable"], **said,
        )  # fmt: skip
    except InvalidRanking:
        return _("This ranking can't be taken as it is. Reload the page and try again.")
    return None


def _ranking_form(data: Data, assignment: Assignment, *, checked: bool = False) -> RankingForm:
    assert assignment.rubric_version is not None  # a CHECK constraint: every ranking assignment has its rubric
    return RankingForm(
        data, k=len(assignment.shown_order), flag_keys=assignment.rubric_version.flag_keys(),
        asks_strength=assignment.ask_strength, checked=checked,
    )  # fmt: skip


def _show(
    request: ReviewerRequest, found: Review, work: Work, *, sent: Data | None = None, problem: str | None = None
) -> HttpResponse:
    """Raises Http404 of a chat, and of an own prompt without an answer: there is nothing to fix."""
    if isinstance(work, Composition):
        return _show_answers(request, found, work, sent=sent, problem=problem)
    show = _show_ranking if work.kind == AssignmentKind.RANKING else _show_demonstration
    return show(request, found, work, sent=sent, problem=problem)


def _show_answers(
    request: ReviewerRequest, found: Review, composition: Composition, *, sent: Data | None, problem: str | None
) -> HttpResponse:
    answers, page = answers_of(composition), own_submission(composition)
    if not answers:
        raise Http404
    data = sent or data_of_draft(_draft_of(found, composition) or fields_of_answers(answers))
    form = AnswersForm(data, count=len(answers), checked=sent is not None)
    fields = form.shown([answer.query for answer in page.answers])
    context = {"form": form, "problems": form.problems, "fields": fields, "page": page}
    return _show_fix(request, found, composition, "review/fix_answers.html", context, data=data, problem=problem)


def _show_ranking(
    request: ReviewerRequest, found: Review, assignment: Assignment, *, sent: Data | None, problem: str | None
) -> HttpResponse:
    page = ranking_page(assignment, interface_language=get_language() or "en")
    data = sent or data_of_draft(_draft_of(found, assignment) or fields_of_ranking(assignment))
    form = _ranking_form(data, assignment, checked=sent is not None)
    cards = [card_html(card, language=page.work.language) for card in cards_of(page, form)]
    context = {"page": page, "form": form, "cards": cards, "problems": form.problems}
    return _show_fix(request, found, assignment, "review/fix_ranking.html", context, data=data, problem=problem)


def _show_demonstration(
    request: ReviewerRequest, found: Review, assignment: Assignment, *, sent: Data | None, problem: str | None
) -> HttpResponse:
    data = sent or data_of_draft(_draft_of(found, assignment) or fields_of_demonstration(assignment))
    form = DemonstrationForm(data, checked=sent is not None)
    context = {"form": form, "problems": form.problems}
    return _show_fix(request, found, assignment, "review/fix_demonstration.html", context, data=data, problem=problem)


def _draft_of(found: Review, work: Work) -> dict[str, object]:
    """The draft of a fix; empty where the labeler revised since, for it began with what no longer counts."""
    draft: dict[str, object] = found.draft
    return draft if draft.get("seen") == [str(revision_of(work))] else {}


def _show_fix(
    request: ReviewerRequest,
    found: Review,
    work: Work,
    template: str,
    context: dict[str, object],
    *,
    data: Data,
    problem: str | None,
) -> HttpResponse:
    own = {
        "seen": revision_of(work),
        "labeler": work.labeler.pseudonym,
        "told": data.get("why") or "",
        "problem": problem,
    }
    context = common_context(request, found) | context | own
    return render(request, template, context, status=200 if problem is None else 422)


@page_or_button
@reviewer_page
def adjudicate(request: ReviewerRequest, token: UUID) -> HttpResponse:
    """Several rankings side by side, and the reviewer's own order. POST makes it the task's adjudication."""
    found = find(request, token)
    if found.task is None:
        return redirect("review", token=token)
    if reviews.is_own(found, request.user):
        return render(request, "review/own.html", status=403)
    reviews.hold(found, request.user)
    table = side_by_side(found.task, interface_language=get_language() or "en")
    completions = {row.position: row.completion for row in table.rows}
    data = request.POST if request.method == "POST" else data_of_draft(found.draft)
    form = AdjudicationForm(data, completions=completions)
    if request.method != "POST":
        return _show_adjudication(request, found, table, form, [])
    if errors := form.errors():
        return _show_adjudication(request, found, table, form, errors)
    whole = form.whole.cleaned_data
    try:
        adjudications.adjudicate(
            token=str(token), reviewer=request.user, ranks=form.ranks(), seen=form.seen(), note=whole["note"],
            none_acceptable=whole["none_acceptable"],
        )  # fmt: skip
    except AlreadyDecided:
        return to_what_was_decided(request, token)
    except Refusal as refusal:
        return _show_adjudication(request, found, table, form, [words_of_refusal(refusal)])
    messages.success(request, _("Adjudicated. What the labelers said stays as it is."))
    return to_next(request)


def _show_adjudication(
    request: ReviewerRequest, found: Review, table: SideBySide, form: AdjudicationForm, errors: list[str]
) -> HttpResponse:
    decided = getattr(found, "adjudication", None)
    chosen = {} if decided is None else dict(decided.completions.values_list("completion_id", "rank"))
    rows = [
        (row, [(rank, form.rank_of(row.position) == str(rank)) for rank in range(1, table.k + 1)],
         chosen.get(row.completion))
        for row in table.rows
    ]  # fmt: skip
    context = common_context(request, found) | {
        "table": table,
        "columns": _columns(table),
        "rows": rows,
        "form": form,
        "errors": errors,
        "decided": decided,
        "draft_address": reverse("review_draft", args=[found.token]) if found.state == ReviewState.WAITING else "",
    }
    return render(request, "review/adjudicate.html", context, status=422 if errors else 200)


def _columns(table: SideBySide) -> list[tuple[str, str]]:
    """(name, "1,2,2,3") of the consensus and of each labeler, in the order of the rows."""
    columns = [(_("Consensus"), [row.consensus for row in table.rows])]
    columns += [(head.name, [row.cells[at].rank for row in table.rows]) for at, head in enumerate(table.heads)]
    return [(name, ",".join(map(str, ranks))) for name, ranks in columns]


class DraftView(APIView):
    """PUT {draft, base_version, page?} → {version, saved_at}: what a reviewer has changed so far.

    409: another page saved meanwhile, with {version, draft, page} as they are now. 410: it was decided.
    """

    def put(self, request: Request, token: UUID) -> Response:
        reviewer = request.user
        if not isinstance(reviewer, User) or not reviewer.has_perm(REVIEW):
            raise PermissionDenied
        sent = DraftSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        data = sent.validated_data
        try:
            saved = drafts.save_draft(
                token=str(token), reviewer=reviewer, draft=data["draft"], base_version=data["base_version"],
                page=data["page"],
            )  # fmt: skip
        except Review.DoesNotExist:
            raise NotFound from None
        except OwnWork:
            raise PermissionDenied from None
        except DraftConflict as conflict:
            theirs = {"version": conflict.current_version, "draft": conflict.current_draft,
                      "page": conflict.current_page}  # fmt: skip
            return Response(theirs, status=409)
        except AlreadyDecided:
            return Response({"state": "decided"}, status=410)
        return Response({"version": saved.draft_version, "saved_at": saved.draft_saved_at})
