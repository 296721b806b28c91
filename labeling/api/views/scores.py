"""Rewards for programs: prompts with completions go in, a row is kept, a scoring worker answers it.

POST waits a moment for the answer and otherwise names the address where it will be. docs/api.md shows it.
"""

import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.forms.sent import ItemsSerializer, ScoresSerializer
from labeling.api.views.base import ApiView
from labeling.base.states import ApiScope, ScoringState
from labeling.rewards.models import ScoringRequest
from labeling.rewards.services.scoring_requests import SCORING_REQUESTS, request_scores

WAIT_SECONDS = 2.0
"""A web thread is held for no longer; a warm model needs less for some short texts."""
LOOK_SECONDS = 0.05
MAY_SCORE = (ApiScope.SCORES, "labeling.add_scoringrequest")


class ScoresView(ApiView):
    needs = {"POST": MAY_SCORE}
    serializer_class = ScoresSerializer

    @extend_schema(
        operation_id="scores_ask",
        request=ItemsSerializer,
        responses={200: ScoresSerializer, 202: ScoresSerializer},
    )
    def post(self, request: Request) -> Response:
        """Asks for the rewards of completions. 200 with the rewards, or 202 with the address where they will be.

        429: too often, with Retry-After. 503: no reward model is current.
        """
        sent = ItemsSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        assert isinstance(request.user, User)  # InScope: somebody with permissions
        asked = request_scores(
            user=request.user,
            items=sent.validated_data["items"],
            per_minute=settings.SCORE_REQUESTS_PER_MINUTE,
            model=sent.validated_data.get("model"),
        )
        SCORING_REQUESTS.send()
        return _answer(_wait_for(asked))


class ScoreView(ApiView):
    needs = {"GET": MAY_SCORE}
    serializer_class = ScoresSerializer

    @extend_schema(operation_id="scores_get", responses={200: ScoresSerializer, 202: ScoresSerializer})
    def get(self, request: Request, token: UUID) -> Response:
        """200 with the rewards or the failure, 202 while it waits; 404 for other accounts and after a week."""
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
