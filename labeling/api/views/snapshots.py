"""Snapshots asked for, listed, downloaded. A worker makes them, as it does for the admin."""

from uuid import UUID

from django.contrib.auth.models import User
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.forms.records import SnapshotSerializer
from labeling.api.forms.sent import NewSnapshotSerializer, PageQuery, SnapshotRequestSerializer
from labeling.api.services.idempotency import Answer
from labeling.api.views.base import ApiView
from labeling.api.views.schema import IDEMPOTENCY_KEY
from labeling.base.states import ApiScope, ExportState
from labeling.exports.models import Snapshot, SnapshotRequest
from labeling.exports.services.archive import archive_of
from labeling.exports.services.requests import SNAPSHOT_REQUESTS, request_snapshot

READ = (ApiScope.SNAPSHOTS_READ, "labeling.view_snapshot")
MAKE = (ApiScope.SNAPSHOTS_WRITE, "labeling.add_snapshot")
LOOK_AGAIN_SECONDS = 2
"""Thousands of records take seconds, millions minutes."""
ID = OpenApiParameter("id", int, "path")


class SnapshotsView(ApiView):
    needs = {"GET": READ, "POST": MAKE}
    query_class = PageQuery
    serializer_class = SnapshotSerializer

    @extend_schema(operation_id="snapshots_list", responses=SnapshotSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Snapshots on record, newest first, whoever made them."""
        found = self.paginate_queryset(Snapshot.objects.all())
        return self.get_paginated_response(SnapshotSerializer(found, many=True).data)

    @extend_schema(
        operation_id="snapshots_make",
        parameters=[IDEMPOTENCY_KEY],
        request=NewSnapshotSerializer,
        responses={202: SnapshotRequestSerializer},
    )
    def post(self, request: Request) -> Response:
        """Asks for a snapshot of what is handed in by now. 202 with the address where it will be: a worker makes it.

        Send an Idempotency-Key, so that a lost answer costs no second snapshot.
        """
        sent = NewSnapshotSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        user = request.user
        assert isinstance(user, User)  # InScope

        def work() -> Answer:
            asked = request_snapshot(user=user, **sent.validated_data)
            return 202, SnapshotRequestSerializer(asked).data

        response = self.once(request, work)
        SNAPSHOT_REQUESTS.send()
        response["Location"] = response.data["address"]
        return response


class SnapshotRequestView(ApiView):
    needs = {"GET": MAKE}
    serializer_class = SnapshotRequestSerializer

    @extend_schema(
        operation_id="snapshots_asked",
        responses={200: SnapshotRequestSerializer, 202: SnapshotRequestSerializer},
    )
    def get(self, request: Request, token: UUID) -> Response:
        """200 with the snapshot or the failure (no record matches), 202 while it waits; 404 for other accounts."""
        requests = SnapshotRequest.objects.select_related("snapshot").filter(asked_by_id=request.user.pk)
        asked = get_object_or_404(requests, token=token)
        waits = asked.state == ExportState.WAITING
        headers = {"Retry-After": str(LOOK_AGAIN_SECONDS)} if waits else None
        return Response(SnapshotRequestSerializer(asked).data, status=202 if waits else 200, headers=headers)


class SnapshotView(ApiView):
    needs = {"GET": READ}
    serializer_class = SnapshotSerializer

    @extend_schema(operation_id="snapshots_get", parameters=[ID])
    def get(self, request: Request, pk: int) -> Response:  # noqa: ARG002
        """One snapshot."""
        return Response(SnapshotSerializer(get_object_or_404(Snapshot, pk=pk)).data)


class SnapshotDownloadView(ApiView):
    needs = {"GET": READ}

    @extend_schema(
        operation_id="snapshots_download",
        parameters=[ID],
        responses={(200, "application/gzip"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: int) -> StreamingHttpResponse:  # noqa: ARG002
        """Its files as one .tar.gz, after every hash was checked. 422 where a byte of it is not what it was."""
        archive = archive_of(get_object_or_404(Snapshot, pk=pk))
        disposition = f'attachment; filename="{archive.name}"'
        return StreamingHttpResponse(
            archive.chunks, content_type="application/gzip", headers={"Content-Disposition": disposition}
        )
