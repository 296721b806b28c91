"""Rewards for programs: prompts with completions go in, a row is kept, a scoring worker answers it.

POST waits a moment for the answer and otherwise names the address where it will be. docs/reward_model.md shows it.
"""

import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotFound, Throttled
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.base.refusals import NoRewardModel, ScoringRefused, TooManyRequests
from labeling.base.states import ApiScope, ScoringState
from labeling.people.tokens.views import ApiTokenAuthentication, may
from labeling.rewards.models import ScoringRequest
from labeling.rewards.services.scoring_requests import MOST_COMPLETIONS, SCORING_REQUESTS, request_scores

WAIT_SECONDS = 2.0
"""A web thread is held for no longer; a warm model needs less for some short texts."""
LOOK_SECONDS = 0.05


class MayScore(BasePermission):
    """Labelers may not: rewards must not lead those who judge."""

    message = "This account may not ask for rewards. An admin can give it the permission “Can add scoring request”."

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002
        return may(request, ApiScope.SCORES, "labeling.add_scoringrequest")


class MessageSerializer(serializers.Serializer[None]):
    role = serializers.CharField()
    content = serializers.CharField(trim_whitespace=False)


class ItemSerializer(serializers.Serializer[None]):
    prompt = MessageSerializer(many=True, allow_empty=False)
    completions = serializers.ListField(
        child=serializers.CharField(trim_whitespace=False), allow_empty=False, max_length=MOST_COMPLETIONS
    )


class ItemsSerializer(serializers.Serializer[None]):
    items = serializers.ListField(child=ItemSerializer(), allow_empty=False, max_length=MOST_COMPLETIONS)


class ScoringView(APIView):
    authentication_classes = (ApiTokenAuthentication, SessionAuthentication)
    permission_classes = (MayScore,)


class ScoresView(ScoringView):
    """POST {items: [{prompt: [{role, content}], completions: [text]}]} → 200 with the rewards, or 202 with an address.

    400: what is wrong, and where. 401, 403: who may not. 429: too often, with Retry-After. 503: no model is current.
    """

    def post(self, request: Request) -> Response:
        sent = ItemsSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        assert isinstance(request.user, User)  # MayScore: somebody with permissions
        try:
            asked = request_scores(
                user=request.user,
                items=sent.validated_data["items"],
                per_minute=settings.SCORE_REQUESTS_PER_MINUTE,
            )
        except ScoringRefused as refused:
            raise serializers.ValidationError({"detail": str(refused)}) from refused
        except TooManyRequests as often:
            raise Throttled(wait=often.wait_seconds, detail=str(often)) from often
        except NoRewardModel as missing:
            return Response({"detail": str(missing)}, status=503)
        SCORING_REQUESTS.send()
        return _answer(_wait_for(asked))


class ScoreView(ScoringView):
    """GET → 200 with the rewards or the failure, 202 while it waits; 404 for other accounts and after a week."""

    def get(self, request: Request, token: UUID) -> Response:
        asked = ScoringRequest.objects.filter(token=token, asked_by_id=request.user.pk).first()
        if asked is None:
            raise NotFound
        return _answer(asked)


def _wait_for(asked: ScoringRequest) -> ScoringRequest:
    until = time.monotonic() + WAIT_SECONDS
    while asked.state == ScoringState.WAITING and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        asked.refresh_from_db()
    return asked


def _answer(asked: ScoringRequest) -> Response:
    address = reverse("score", args=[asked.token])
    said: dict[str, Any] = {"id": str(asked.token), "state": asked.state, "address": address}
    if asked.state == ScoringState.WAITING:
        return Response(said, status=202, headers={"Location": address, "Retry-After": "1"})
    if asked.state == ScoringState.FAILED:
        return Response(said | {"failure": asked.failure})
    assert asked.model_version is not None  # a CHECK constraint
    model = {"id": asked.model_version.pk, "name": asked.model_version.name}
    return Response(said | {"model": model, "scores": asked.scores})
