"""Webhooks: set up, changed, removed, and what became of each event."""

from django.contrib.auth.models import User
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.forms.sent import DeliverySerializer, NewWebhookSerializer, PageQuery, WebhookSerializer
from labeling.api.models import Webhook
from labeling.api.views.base import ApiView
from labeling.base.states import ApiScope

ID = OpenApiParameter("id", int, "path")


def needs(action: str) -> tuple[ApiScope, str]:
    return ApiScope.WEBHOOKS, f"labeling.{action}_webhook"


class WebhooksView(ApiView):
    needs = {"GET": needs("view"), "POST": needs("add")}
    query_class = PageQuery
    serializer_class = WebhookSerializer

    @extend_schema(operation_id="webhooks_list", responses=WebhookSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """All webhooks, newest first."""
        found = self.paginate_queryset(Webhook.objects.all())
        return self.get_paginated_response(WebhookSerializer(found, many=True).data)

    @extend_schema(operation_id="webhooks_add", request=WebhookSerializer, responses={201: NewWebhookSerializer})
    def post(self, request: Request) -> Response:
        """Sets one up. From now on each of its events is posted to the URL, signed as standardwebhooks.com says."""
        sent = NewWebhookSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        assert isinstance(request.user, User)  # InScope
        return Response(NewWebhookSerializer(sent.save(created_by=request.user)).data, status=201)


class WebhookView(ApiView):
    needs = {"GET": needs("view"), "PATCH": needs("change"), "DELETE": needs("delete")}
    serializer_class = WebhookSerializer

    @extend_schema(operation_id="webhooks_get", parameters=[ID])
    def get(self, request: Request, pk: int) -> Response:  # noqa: ARG002
        """One webhook, without its secret."""
        return Response(WebhookSerializer(get_object_or_404(Webhook, pk=pk)).data)

    @extend_schema(operation_id="webhooks_change", parameters=[ID])
    def patch(self, request: Request, pk: int) -> Response:
        """Changes the URL or the events, or switches it off and on; what waits while it is off is given up."""
        sent = WebhookSerializer(get_object_or_404(Webhook, pk=pk), data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        return Response(WebhookSerializer(sent.save()).data)

    @extend_schema(operation_id="webhooks_remove", parameters=[ID], responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:  # noqa: ARG002
        """Removes it, with what waits for it."""
        get_object_or_404(Webhook, pk=pk).delete()
        return Response(status=204)


class DeliveriesView(ApiView):
    needs = {"GET": needs("view")}
    query_class = PageQuery
    serializer_class = DeliverySerializer

    @extend_schema(operation_id="webhooks_deliveries", parameters=[ID], responses=DeliverySerializer(many=True))
    def get(self, request: Request, pk: int) -> Response:  # noqa: ARG002
        """What it was told, newest first: how often it was tried, and what the last attempt came to."""
        found = self.paginate_queryset(get_object_or_404(Webhook, pk=pk).deliveries.all())
        return self.get_paginated_response(DeliverySerializer(found, many=True).data)
