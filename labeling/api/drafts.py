"""Saving unfinished work, as the page does within a second of each change."""

from typing import Protocol
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.drafts import LONGEST_DRAFT, Draft, DraftTooLong, InvalidDraft, parse_draft
from labeling.models import Assignment, Composition, Labeler, Revision
from labeling.queries.drafts import page_of
from labeling.queries.labelers import labeler_of
from labeling.refusals import AlreadyDiscarded, AlreadySkipped, AlreadySubmitted, DraftConflict
from labeling.services.assignments import save_draft
from labeling.services.drafts import keep_aside


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
