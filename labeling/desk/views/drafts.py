"""Drafts of held work: saved by its page within a second of each change, read and restored as they were."""

from collections.abc import Mapping
from typing import Any, Protocol
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
from labeling.desk.models import EarlierDraft
from labeling.desk.queries.drafts import earlier_drafts
from labeling.desk.rules.drafts import LONGEST_DRAFT, Draft, DraftTooLong, InvalidDraft, page_named, parse_draft
from labeling.desk.services.drafts import keep_aside
from labeling.desk.services.held_work import HeldTable
from labeling.people.models import Labeler
from labeling.people.queries import labeler_of
from labeling.people.views.access import LabelerRequest, labeler_page

AnyTable = HeldTable[Any]
Tables = Mapping[str, AnyTable]
"""Every table of held work, by the name of the address of its page."""


class HasTable(Protocol):
    """The pages of a table (held_work.py), which make the address of its drafts."""

    table: AnyTable


def page_of_draft(labeler: Labeler, token: UUID, tables: Tables) -> tuple[str, AnyTable]:
    """The name of the page of the labeler's work, and the table that holds it. Raises Http404 for anybody else's."""
    for page, table in tables.items():
        if table.holds(labeler=labeler, token=str(token)):
            return page, table
    raise Http404


@require_safe
@labeler_page
def earlier(request: LabelerRequest, token: UUID, tables: Tables) -> HttpResponse:
    page, _table = page_of_draft(request.labeler, token, tables)
    back = reverse(page, args=[token])
    context = {"earlier": earlier_drafts(request.labeler, str(token)), "token": token, "back": back}
    return render(request, "desk/earlier_drafts.html", context)


@require_safe
@labeler_page
def go_on(request: LabelerRequest, token: UUID, tables: Tables) -> HttpResponse:
    """Redirects to the page of work whose unsaved changes this browser still holds (static/desk/drafts/unsent.js)."""
    return redirect(page_of_draft(request.labeler, token, tables)[0], token=token)


@require_POST
@labeler_page
def restore(request: LabelerRequest, token: UUID, number: int, tables: Tables) -> HttpResponse:
    page, table = page_of_draft(request.labeler, token, tables)
    try:
        table.restore_draft(labeler=request.labeler, token=str(token), number=number)
    except EarlierDraft.DoesNotExist:
        raise Http404 from None
    except Refusal:
        return redirect(page, token=token)  # the page there says what became of the work
    messages.info(request, _("The earlier version is restored. What it replaced is kept as well."))
    return redirect(page, token=token)


CLOSED = {AlreadySubmitted: "submitted", AlreadySkipped: "skipped", AlreadyDiscarded: "discarded"}


class DraftSerializer(serializers.Serializer[None]):
    draft = serializers.JSONField()
    base_version = serializers.IntegerField(min_value=0, max_value=2**31 - 2)
    page = serializers.CharField(default="", allow_blank=True)
    settles = serializers.BooleanField(default=False)

    def validate_page(self, value: str) -> str:
        return page_named(value)

    def validate_draft(self, value: object) -> Draft:
        try:
            return parse_draft(value)
        except DraftTooLong as too_long:
            message = _("This is more than %(limit)s characters in all. Shorten it.") % {"limit": f"{LONGEST_DRAFT:,}"}
            raise serializers.ValidationError(message) from too_long
        except InvalidDraft as invalid:
            raise serializers.ValidationError(str(invalid)) from invalid


class DraftView(APIView):
    """PUT {draft, base_version, page?, settles?} → {version, saved_at}; POST {draft, base_version} keeps it as an
    earlier one.

    409: somebody saved meanwhile, with {version, draft, page} as they are now. 410: handed in, skipped or discarded,
    {state}.
    """

    def put(self, request: Request, token: UUID, pages: HasTable) -> Response:
        labeler, sent = self._sent(request)
        try:
            saved = pages.table.save_draft(labeler=labeler, token=str(token), **sent)
        except pages.table.model.DoesNotExist:
            raise NotFound from None
        except DraftConflict as conflict:
            theirs = {
                "version": conflict.current_version,
                "draft": conflict.current_draft,
                "page": conflict.current_page,
            }
            return Response(theirs, status=409)
        except tuple(CLOSED) as closed:
            return Response({"state": CLOSED[type(closed)]}, status=410)
        return Response({"version": saved.draft_version, "saved_at": saved.draft_saved_at})

    def post(self, request: Request, token: UUID, pages: HasTable) -> Response:
        labeler, sent = self._sent(request)
        if not pages.table.holds(labeler=labeler, token=str(token)):
            raise NotFound
        keep_aside(labeler=labeler, token=str(token), draft=sent["draft"], base_version=sent["base_version"])
        return Response(status=204)

    def _sent(self, request: Request) -> tuple[Labeler, dict[str, Any]]:
        labeler = labeler_of(request.user)
        if labeler is None:
            raise PermissionDenied
        sent = DraftSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        return labeler, sent.validated_data
