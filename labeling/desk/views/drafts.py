"""Drafts of held work: saved by its page within a second of each change, read and restored as they were."""

from collections.abc import Mapping
from enum import StrEnum
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

from labeling.base.interruptions import Action, Interruption, show_interruption
from labeling.base.refusals import (
    AlreadyDiscarded,
    AlreadySkipped,
    AlreadySubmitted,
    CampaignNotOpen,
    DraftConflict,
    LabelerNotActive,
    Refusal,
    WorkSetAside,
)
from labeling.base.states import AssignmentState
from labeling.desk.models import EarlierDraft
from labeling.desk.queries.drafts import earlier_drafts
from labeling.desk.rules.drafts import LONGEST_DRAFT, Draft, DraftTooLong, InvalidDraft, page_named, parse_draft
from labeling.desk.services.drafts import keep_aside
from labeling.desk.services.held_work import HeldTable
from labeling.desk.services.working_time import record_time
from labeling.people.models import Labeler
from labeling.people.queries import labeler_of
from labeling.people.views.access import LabelerRequest, labeler_page
from labeling.people.views.throttling import WhilePaused

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
    """The way to work whose unsaved changes this browser still holds (static/desk/drafts/unsent.js).

    Work that is closed takes no changes any more: they are kept among its earlier versions, to be read.
    """
    page, table = page_of_draft(request.labeler, token, tables)
    try:
        table.check_standing(table.find_own(labeler=request.labeler, token=str(token)))
    except Refusal:
        return _closed_meanwhile(request, token, page)
    return redirect(page, token=token)


def _closed_meanwhile(request: LabelerRequest, token: UUID, page: str) -> HttpResponse:
    text = _("It takes no changes any more. What this browser still had of it is kept with its earlier versions now.")
    actions = [
        Action(label=_("Earlier versions"), url=reverse("drafts", args=[token])),
        Action(label=_("What became of it"), url=reverse(page, args=[token])),
        Action(label=_("Back to the overview"), url=reverse("overview")),
    ]
    finished = {"token": token, "address": reverse(f"{page}_draft", args=[token])}
    said = Interruption(title=_("This work was closed meanwhile"), text=text, icon="closed", actions=actions)
    return show_interruption(request, said, finished=finished)


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


class Standing(StrEnum):
    """Whether work whose draft was saved can be handed in. The words are in labeling/templatetags/script_words.py."""

    FINE = ""
    LAPSED = "lapsed"
    """The lease ran out, and others have the place."""
    CLOSING = "closing"
    """The campaign was closed, and takes held work for a while."""
    CAMPAIGN_CLOSED = "campaign_closed"
    NOT_ACTIVE = "not_active"
    SET_ASIDE = "set_aside"


REFUSED = {
    CampaignNotOpen: Standing.CAMPAIGN_CLOSED,
    LabelerNotActive: Standing.NOT_ACTIVE,
    WorkSetAside: Standing.SET_ASIDE,
}


def standing_of(table: AnyTable, held: Any) -> Standing:
    """What handing it in would meet now."""
    try:
        table.check_standing(held)
    except tuple(REFUSED) as refusal:
        return REFUSED[type(refusal)]
    if held.state == AssignmentState.LAPSED:
        return Standing.LAPSED
    return Standing.CLOSING if held.campaign.closing_at else Standing.FINE


class PageSerializer(serializers.Serializer[None]):
    """The page that sends, by the name that it gave itself."""

    page = serializers.CharField(default="", allow_blank=True)

    def validate_page(self, value: str) -> str:
        return page_named(value)


class TimeSerializer(PageSerializer):
    """The seconds at work that the page has counted."""

    active_seconds = serializers.FloatField(min_value=0.0, max_value=1e9)


class DraftSerializer(PageSerializer):
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
    """PUT {draft, base_version, page?, settles?} → {version, saved_at, standing, until}; POST {draft, base_version}
    keeps it as an earlier one.

    `standing` says what keeps saved work from being handed in (Standing); `until` is there for what closes.
    409: somebody saved meanwhile, with {version, draft, page} as they are now. 410: handed in, skipped or discarded,
    {state}. 429: the labeler is given no work, and saves too often (WhilePaused).
    """

    throttle_classes = (WhilePaused,)

    def put(self, request: Request, token: UUID, pages: HasTable) -> Response:
        labeler, sent = received_from(request, DraftSerializer)
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
        standing = standing_of(pages.table, saved)
        until = saved.campaign.closing_at if standing == Standing.CLOSING else None
        said = {"version": saved.draft_version, "saved_at": saved.draft_saved_at, "standing": standing, "until": until}
        return Response(said)

    def post(self, request: Request, token: UUID, pages: HasTable) -> Response:
        labeler, sent = received_from(request, DraftSerializer)
        if not pages.table.holds(labeler=labeler, token=str(token)):
            raise NotFound
        keep_aside(labeler=labeler, token=str(token), draft=sent["draft"], base_version=sent["base_version"])
        return Response(status=204)


class TimeView(APIView):
    """POST {page, active_seconds}: what a page has counted so far, said every minute and on leaving. 204."""

    def post(self, request: Request, token: UUID, pages: HasTable) -> Response:
        labeler, sent = received_from(request, TimeSerializer)
        try:
            held = pages.table.find_own(labeler=labeler, token=str(token))
        except pages.table.model.DoesNotExist:
            raise NotFound from None
        if pages.table.is_open(held):
            record_time(held, page=sent["page"], seconds=sent["active_seconds"])
        return Response(status=204)


def received_from(request: Request, serializer: type[PageSerializer]) -> tuple[Labeler, dict[str, Any]]:
    """Who sends, and what, checked."""
    labeler = labeler_of(request.user)
    if labeler is None:
        raise PermissionDenied
    sent = serializer(data=request.data)
    sent.is_valid(raise_exception=True)
    return labeler, sent.validated_data
