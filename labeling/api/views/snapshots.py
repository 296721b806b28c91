"""Snapshots made, listed, downloaded."""

from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.forms import NewSnapshotSerializer, PageQuery, SnapshotSerializer
from labeling.api.services.idempotency import Answer
from labeling.api.views.base import ApiView
from labeling.api.views.schema import IDEMPOTENCY_KEY
from labeling.base.states import ApiScope
from labeling.exports.models import Snapshot
from labeling.exports.services.archive import archive_of
from labeling.exports.services.snapshots import make_snapshot

READ = (ApiScope.SNAPSHOTS_READ, "labeling.view_snapshot")
MAKE = (ApiScope.SNAPSHOTS_WRITE, "labeling.add_snapshot")
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
        responses={201: SnapshotSerializer},
    )
    def post(self, request: Request) -> Response:
        """Makes a snapshot and answers when it is complete: seconds for thousands of records, minutes for millions.

        422 where no record matches. Send an Idempotency-Key, so that a lost answer costs no second snapshot.
        """
        sent = NewSnapshotSerializer(data=request.data)
        sent.is_valid(raise_exception=True)

        def work() -> Answer:
            directory = Path(settings.SNAPSHOTS_DIR) / f"api-{uuid4().hex[:12]}"
            made, _manifest = make_snapshot(directory, made_by=request.user.get_username(), **sent.validated_data)
            return 201, SnapshotSerializer(made).data

        return self.once(request, work, in_one_transaction=False)


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
