"""Messages, from the side of the labeler: all threads, one thread, and what is sent from any page."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from labeling.base.refusals import Refusal
from labeling.desk.models import Assignment
from labeling.people.views.access import LabelerRequest, labeler_page
from labeling.review.forms import MessageForm
from labeling.review.models.reviews import Work
from labeling.review.queries.threads import address_of, excerpt_of, messages_of, return_of, thread_about, threads_of
from labeling.review.services.reports import report_broken
from labeling.review.services.reviews import settle_answered
from labeling.review.services.threads import read_by_labeler, write_as_labeler
from labeling.writing.models import Composition


def own_work(request: LabelerRequest, token: str) -> Work:
    """What the labeler holds or handed in, or began themselves. Raises Http404 for anybody else's."""
    try:
        wanted = UUID(token)
    except ValueError:
        raise Http404 from None
    related = Assignment.objects.select_related("prompt", "campaign")
    found = related.filter(labeler=request.labeler)
    # A page of a revision sends the revision's token.
    handed_out = found.filter(token=wanted).first() or found.filter(revisions__token=wanted).first()
    own = Composition.objects.select_related("campaign").filter(labeler=request.labeler, token=wanted)
    work = handed_out or own.first()
    if work is None:
        raise Http404
    return work


@require_safe
@labeler_page
def inbox(request: LabelerRequest) -> HttpResponse:
    """All threads; the one that is about nothing is open beside them."""
    return show_thread(request, None)


@require_safe
@labeler_page
def about(request: LabelerRequest, token: UUID) -> HttpResponse:
    return show_thread(request, own_work(request, str(token)))


def show_thread(request: LabelerRequest, work: Work | None, *, form: MessageForm | None = None) -> HttpResponse:
    thread = thread_about(request.labeler, work)
    said = messages_of(thread)
    threads = [(each, *excerpt_of(each.about)) for each in threads_of(request.labeler) if each.about is not None]
    if thread is not None:
        read_by_labeler(thread)
        request.labeler.refresh_from_db(fields=["unread_messages"])
    context = {
        "threads": threads,
        "about": work,
        "excerpt": excerpt_of(work)[0] if work else "",
        "address": address_of(work) if work else "",
        "said": said,
        "form": form,
        "returned": return_of(work) if work else None,
    }
    return render(request, "review/messages.html", context, status=422 if form is not None else 200)


@require_POST
@labeler_page
def write(request: LabelerRequest) -> HttpResponse:
    """A message from any page, or a report that the task is broken; back to the page that it came from."""
    token = str(request.POST.get("about") or "")
    work = own_work(request, token) if token else None
    broken = request.POST.get("do") == "broken" and isinstance(work, Assignment)
    form = MessageForm(request.POST)
    if not form.is_valid():
        return show_thread(request, work, form=form)
    try:
        if broken and isinstance(work, Assignment):
            report_broken(assignment=work, text=form.cleaned_data["text"])
        else:
            write_as_labeler(labeler=request.labeler, text=form.cleaned_data["text"], work=work)
            settle_answered()
    except Refusal as refusal:
        form.add_error("text", str(refusal))
        return show_thread(request, work, form=form)
    told = _("Reported. You are told under Messages what becomes of it.")
    sent = _("Sent. The answer comes under Messages.")
    messages.success(request, told if broken else sent)
    return redirect(_back(request) or reverse("messages"))


def _back(request: LabelerRequest) -> str | None:
    """The page that the form was on; None where the form names none of ours."""
    back = str(request.POST.get("back") or "")
    return back if url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}) else None
