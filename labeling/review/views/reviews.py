"""The pages of reviewers: the queue, one piece of work with its decisions, what it was fixed to."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from labeling.base.admin.refusals_in_words import refusal_in_words
from labeling.base.refusals import AlreadyDecided, OwnWork, Refusal
from labeling.base.states import AssignmentKind, ReviewReason, ReviewState
from labeling.campaigns.managers.queries import campaigns_of
from labeling.desk.demonstrating.queries import demonstration_submission
from labeling.desk.models import Assignment
from labeling.desk.ranking.queries import ranking_submission
from labeling.review.forms import DecisionForm, ReturnForm
from labeling.review.models.reviews import Review, Work
from labeling.review.queries.pages import other_rankings, past_reviews, reviewed, side_by_side, work_under_review
from labeling.review.queries.queue import (
    KINDS,
    QUEUE_SHOWS,
    Sought,
    counts_by_reason,
    kind_of,
    queue_rows,
    returned_by,
    waiting_for,
    words_of,
)
from labeling.review.queries.threads import messages_of, thread_about
from labeling.review.services import reviews
from labeling.review.services.threads import read_by_staff
from labeling.review.views.access import ReviewerRequest, reviewer_page
from labeling.review.views.words import KEYS, KIND_WORDS, OF_EMPTY_TEXTS, title_of
from labeling.writing.answers.queries import own_submission
from labeling.writing.models import Composition

ROWS_PER_PAGE = 30


def sought_by(request: ReviewerRequest) -> Sought:
    """What the address or the form narrows the queue down to; what there is not narrows nothing."""
    sent = request.POST if request.method == "POST" else request.GET
    reason, kind, campaign = (str(sent.get(name, "")) for name in ("reason", "kind", "campaign"))
    return Sought(
        reason=reason if reason in ReviewReason.values else "",
        kind=kind if kind in KINDS else "",
        campaign=campaign,
    )


@require_safe
@reviewer_page
def queue(request: ReviewerRequest) -> HttpResponse:
    reviews.settle_answered()
    sought = sought_by(request)
    waiting = waiting_for(request.user, sought).select_related(*QUEUE_SHOWS)
    page = Paginator(waiting, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    counts = counts_by_reason(request.user)
    context = {
        "page": page,
        "rows": [(KIND_WORDS[row.kind], row) for row in queue_rows(request.user, page.object_list)],
        "sought": sought,
        "reasons": [(reason, word, counts[reason]) for reason, word in ReviewReason.choices if reason in counts],
        "kinds": list(KIND_WORDS.items()),
        "campaigns": campaigns_of(request.user)
        .filter(prompts__reviews__state=ReviewState.WAITING)
        .distinct()
        .order_by("name"),
        "returned": returned_by(request.user),
        "review_keys": KEYS,
    }
    return render(request, "review/queue.html", context)


@require_POST
@reviewer_page
def take_next(request: ReviewerRequest) -> HttpResponse:
    return to_next(request, sought_by(request))


def to_next(request: ReviewerRequest, sought: Sought | None = None) -> HttpResponse:
    """Straight to the next review; to the queue where none waits."""
    reviews.settle_answered()
    taken = reviews.take_next(reviewer=request.user, sought=sought)
    if taken is None:
        messages.info(request, _("Nothing waits for you right now."))
        return redirect("review_queue")
    return redirect("review", token=taken.token)


def find(request: ReviewerRequest, token: UUID) -> Review:
    """Raises Http404, of a campaign that the reviewer does not see as well."""
    try:
        return reviewed(str(token), request.user)
    except ObjectDoesNotExist:
        raise Http404 from None


@require_safe
@reviewer_page
def review(request: ReviewerRequest, token: UUID) -> HttpResponse:
    found = find(request, token)
    if reviews.is_own(found, request.user):
        return render(request, "review/own.html", status=403)
    if found.state == ReviewState.WAITING:
        reviews.hold(found, request.user)
    if found.work is None:
        return redirect("review_adjudicate", token=token)
    return show_work(request, found, found.work)


def show_work(
    request: ReviewerRequest, found: Review, work: Work, *, form: DecisionForm | None = None, status: int = 200
) -> HttpResponse:
    """The page of what one labeler handed in. `form`: a decision that was refused, with what was written."""
    thread = thread_about(work.labeler, work)
    if thread is not None:
        read_by_staff(thread)
    shown = _own_context(work) if isinstance(work, Composition) else _label_context(request, work)
    template = "review/own_writing.html" if isinstance(work, Composition) else "review/label.html"
    context = common_context(request, found) | shown
    context |= {"labeler": work.labeler, "thread": messages_of(thread), "form": form, "errors": errors_of(form)}
    return render(request, template, context, status=status)


def errors_of(form: DecisionForm | None) -> list[str]:
    return [] if form is None else [str(error) for errors in form.errors.values() for error in errors]


def _own_context(composition: Composition) -> dict[str, object]:
    """A chat has nothing to fix: its ranking is reviewed as a ranking."""
    page = own_submission(composition)
    return {"page": page, "seen": page.revision, "can_fix": bool(page.answers)}


def _label_context(request: ReviewerRequest, assignment: Assignment) -> dict[str, object]:
    """Of a ranking or a demonstration, in the revision that the address names. Raises Http404."""
    language = get_language() or "en"
    number = request.GET.get("revision", "")
    revision = int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else None
    is_ranking = assignment.kind == AssignmentKind.RANKING
    try:
        submitted = (
            ranking_submission(assignment, interface_language=language, revision=revision)
            if is_ranking
            else demonstration_submission(assignment, revision=revision)
        )
    except ObjectDoesNotExist:
        raise Http404 from None
    together = is_ranking and assignment.task is not None and other_rankings(assignment)
    return {
        "page": submitted,
        "is_ranking": is_ranking,
        "seen": submitted.submission.revision if submitted.submission.is_last else None,
        "can_fix": True,
        "table": side_by_side(assignment.task, order=assignment.shown_order, interface_language=language)
        if together and assignment.task is not None
        else None,
    }


def common_context(request: ReviewerRequest, found: Review) -> dict[str, object]:
    return {
        "review": found,
        "title": title_of(kind_of(found)),
        "work": work_under_review(found, interface_language=get_language() or "en"),
        "reasons": words_of(found.reasons),
        "past": past_reviews(found),
        "can_decide": found.state == ReviewState.WAITING,
        "held_by": found.held_by if found.held_by not in (None, request.user) else None,
        "review_keys": KEYS,
    }


def decided(
    request: ReviewerRequest, token: UUID, form: DecisionForm, decide: Callable[[DecisionForm], object], said: str
) -> HttpResponse:
    """Does what `decide` does with a valid form and goes on to the next review; else the page with what was written."""
    found = find(request, token)
    if not form.is_valid():
        return _refused(request, found, form)
    try:
        decide(form)
    except OwnWork:
        return render(request, "review/own.html", status=403)
    except AlreadyDecided:
        return to_what_was_decided(request, token)
    except Refusal as refusal:
        form.add_error(None, words_of_refusal(refusal))
        return _refused(request, found, form)
    messages.success(request, said)
    return to_next(request)


def to_what_was_decided(request: ReviewerRequest, token: UUID) -> HttpResponse:
    """Somebody decided it meanwhile: its page says how, and nothing was done."""
    found = find(request, token)
    named = {"name": found.reviewer, "state": found.get_state_display()}
    messages.warning(request, _("This was decided already by %(name)s: %(state)s. Nothing was changed.") % named)
    return redirect("review", token=token)


def _refused(request: ReviewerRequest, found: Review, form: DecisionForm) -> HttpResponse:
    if found.work is None:
        messages.error(request, " ".join(errors_of(form)))
        return redirect("review_adjudicate", token=found.token)
    return show_work(request, found, found.work, form=form, status=422)


def words_of_refusal(refusal: Refusal) -> str:
    """What a reviewer is told; services speak English, to logs and operators."""
    for part, words in OF_EMPTY_TEXTS:
        if part in str(refusal):
            return str(words)
    return refusal_in_words(refusal)


@require_POST
@reviewer_page
def accept(request: ReviewerRequest, token: UUID) -> HttpResponse:
    def decide(form: DecisionForm) -> object:
        return reviews.accept(
            token=str(token), reviewer=request.user, seen=form.cleaned_data["seen"], text=form.cleaned_data["text"]
        )

    return decided(request, token, DecisionForm(request.POST), decide, _("Accepted."))


@require_POST
@reviewer_page
def return_to_labeler(request: ReviewerRequest, token: UUID) -> HttpResponse:
    def decide(form: DecisionForm) -> object:
        return reviews.return_to_labeler(
            token=str(token), reviewer=request.user, seen=form.cleaned_data["seen"], text=form.cleaned_data["text"]
        )

    return decided(request, token, ReturnForm(request.POST), decide, _("Returned. The labeler sees your reason."))


@require_POST
@reviewer_page
def take_back(request: ReviewerRequest, token: UUID) -> HttpResponse:
    try:
        again = reviews.take_back(token=str(token), reviewer=request.user)
    except Review.DoesNotExist:
        raise Http404 from None
    except Refusal as refusal:
        messages.warning(request, words_of_refusal(refusal))
        return redirect("review_queue")
    return redirect("review", token=again.token)


@require_POST
@reviewer_page
def compare_all(request: ReviewerRequest, token: UUID) -> HttpResponse:
    """Asks for an adjudication of the task of the label, and goes to it."""
    found = find(request, token)
    if found.assignment is None or found.assignment.task is None:
        raise Http404
    try:
        together = reviews.request_adjudication(
            task=found.assignment.task, reason=ReviewReason.ASKED_FOR, by=request.user
        )
    except Refusal as refusal:
        messages.warning(request, words_of_refusal(refusal))
        return redirect("review", token=token)
    return redirect("review", token=together.token)
