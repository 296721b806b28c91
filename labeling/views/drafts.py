"""How a draft was before, and the way back to it."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from labeling.models import EarlierDraft
from labeling.queries.drafts import earlier_drafts, page_of
from labeling.refusals import Refusal
from labeling.services.restoring import restore_draft
from labeling.views.access import LabelerRequest, labeler_page


@require_safe
@labeler_page
def earlier(request: LabelerRequest, token: UUID) -> HttpResponse:
    context = {"earlier": earlier_drafts(request.labeler, str(token)), "token": token, "back": _back(request, token)}
    return render(request, "desk/earlier_drafts.html", context)


@require_safe
@labeler_page
def page_of_draft(request: LabelerRequest, token: UUID) -> HttpResponse:
    """Where work of any kind goes on that this browser still holds changes of (static/js/kept-here.js)."""
    return redirect(_back(request, token))


@require_POST
@labeler_page
def restore(request: LabelerRequest, token: UUID, number: int) -> HttpResponse:
    back = _back(request, token)
    try:
        restore_draft(labeler=request.labeler, token=str(token), number=number)
    except EarlierDraft.DoesNotExist:
        raise Http404 from None
    except Refusal:
        return redirect(back)  # the page there says what became of the work
    messages.info(request, _("The earlier version is back. What it replaced is kept as well."))
    return redirect(back)


def _back(request: LabelerRequest, token: UUID) -> str:
    """The page of the work. Raises Http404 for anybody else's."""
    page = page_of(request.labeler, str(token))
    if page is None:
        raise Http404
    return reverse(page, args=[token])
