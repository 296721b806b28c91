"""How a draft was before, and the way back to it.

Saving unfinished work, as the page does within a second of each change.
"""

from typing import Protocol
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.base.refusals import AlreadyDiscarded, AlreadySkipped, AlreadySubmitted, DraftConflict, Refusal
from labeling.desk.models import Assignment, EarlierDraft, Revision
from labeling.desk.queries.drafts import earlier_drafts, page_of
from labeling.desk.rules.drafts import LONGEST_DRAFT, Draft, DraftTooLong, InvalidDraft, parse_draft
from labeling.desk.services.assignments import save_draft
from labeling.desk.services.drafts import keep_aside
from labeling.desk.services.restoring import restore_draft
from labeling.people.models import Labeler
from labeling.people.queries import labeler_of
from labeling.people.views.access import LabelerRequest, labeler_page
from labeling.writing.models import Composition


@require_safe
@labeler_page
def earlier(request: LabelerRequest, token: UUID) -> HttpResponse:
    context = {"earlier": earlier_drafts(request.labeler, str(token)), "token": token, "back": _back(request, token)}
    return render(request, "desk/earlier_drafts.html", context)


@require_safe
@labeler_page
def page_of_draft(request: LabelerRequest, token: UUID) -> HttpResponse:
    """Where work of any kind goes on that this browser still holds changes of (static/desk/drafts/unsent.js)."""
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
    messages.info(request, _("The earlier version is restored. What it replaced is kept as well."))
    return redirect(back)


def _back(request: LabelerRequest, token: UUID) -> str:
    """The page of the work. Raises Http404 for anybody else's."""
    page = page_of(request.labeler, str(token))
    if page is None:
        raise Http404
    return reverse(page, args=[token])


class Save(Protocol):
    """Keeps a draft of one kind of work."""

    def __call__(
        self, *, labeler: Labeler, token: str, draft: Draft, base_version: int, settles: bool = False
    ) -> Assignment | Composition | Revision: ...


CLOSED = {AlreadySubmitted: "submitted", AlreadySkipped: "skipped", AlreadyDiscarded: "discarded"}


class DraftSerializer(serializers.Serializer[Assignment]):
    draft = serializers.JSONField()
    base_version = serializers.IntegerField(min_value=0, max_value=2**31 - 2)
    settles = serializers.BooleanField(default=False)

    def validate_draft(self, value: object) -> Draft:
        try:
            return parse_draft(value)
        except DraftTooLong as too_long:
            message = _("This is more than %(limit)s characters in all. Shorten it.") % {"limit": f"{LONGEST_DRAFT:,}"}
            raise serializers.ValidationError(message) from too_long
        except InvalidDraft as invalid:
            raise serializers.ValidationError(str(invalid)) from invalid


class DraftView(APIView):
    """PUT {draft, base_version, settles?} → {version, saved_at}; POST {draft, base_version} keeps it as an earlier one.

    409: somebody saved meanwhile, with {version, draft} as they are now. 410: handed in, skipped or discarded, {state}.
    """

    save: Save = staticmethod(save_draft)

    def put(self, request: Request, token: UUID) -> Response:
        labeler = labeler_of(request.user)
        if labeler is None:
            raise PermissionDenied
        sent = DraftSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        try:
            saved = self.save(labeler=labeler, token=str(token), **sent.validated_data)
        except (Assignment.DoesNotExist, Composition.DoesNotExist, Revision.DoesNotExist):
            raise NotFound from None
        except DraftConflict as conflict:
            return Response({"version": conflict.current_version, "draft": conflict.current_draft}, status=409)
        except tuple(CLOSED) as closed:
            return Response({"state": CLOSED[type(closed)]}, status=410)
        return Response({"version": saved.draft_version, "saved_at": saved.draft_saved_at})

    def post(self, request: Request, token: UUID) -> Response:
        labeler = labeler_of(request.user)
        if labeler is None:
            raise PermissionDenied
        if page_of(labeler, str(token)) is None:
            raise NotFound
        sent = DraftSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        kept = {name: sent.validated_data[name] for name in ("draft", "base_version")}
        keep_aside(labeler=labeler, token=str(token), **kept)
        return Response(status=204)
