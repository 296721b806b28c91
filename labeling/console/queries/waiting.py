"""What waits for workers, for how long, and which workers are up."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from labeling.alerts.models import WorkerSign
from labeling.alerts.queries.causes import GONE_AFTER
from labeling.api.models import WebhookDelivery
from labeling.base.states import (
    DeliveryState,
    ExportState,
    ImportState,
    RunState,
    ScoringState,
    SuggestionState,
    TaskState,
)
from labeling.exports.models import SnapshotRequest
from labeling.imports.models import PromptImport
from labeling.policies.models import PolicyRun
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.rewards.models import ScoringRequest
from labeling.training.models import TrainingRun
from labeling.writing.suggestions.models import SuggestionRequest


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Rows of one kind of work that no worker finished. `queue` is Celery's."""

    key: str
    name: StrPromise
    queue: str
    count: int
    since: datetime | None
    """When the oldest of them was asked for."""


def waiting_work() -> list[Waiting]:
    kinds: list[tuple[str, StrPromise, str, QuerySet[Any], str]] = [
        (
            "suggestions",
            _("Suggestions that labelers wait for"),
            "suggestions",
            SuggestionRequest.objects.filter(state=SuggestionState.WAITING),
            "asked_at",
        ),
        (
            "scoring",
            _("Rewards that programs wait for"),
            "scoring",
            ScoringRequest.objects.filter(state=ScoringState.WAITING),
            "asked_at",
        ),
        (
            "sampling",
            _("Ranking tasks without completions"),
            "sampling",
            RankingTask.objects.filter(state=TaskState.SAMPLING),
            "created_at",
        ),
        (
            "training",
            _("Training runs"),
            "training",
            TrainingRun.objects.filter(state=RunState.QUEUED),
            "created_at",
        ),
        (
            "policies",
            _("Policy runs"),
            "training",
            PolicyRun.objects.filter(state=RunState.QUEUED),
            "created_at",
        ),
        (
            "snapshots",
            _("Snapshots that were asked for"),
            "default",
            SnapshotRequest.objects.filter(state=ExportState.WAITING),
            "asked_at",
        ),
        (
            "imports",
            _("Files to be imported"),
            "default",
            PromptImport.objects.filter(state__in=[ImportState.CHECKING, ImportState.IMPORTING]),
            "created_at",
        ),
        (
            "webhooks",
            _("Events for webhooks"),
            "default",
            WebhookDelivery.objects.filter(state=DeliveryState.WAITING),
            "happened_at",
        ),
    ]
    return [_waiting(key, name, queue, rows, since) for key, name, queue, rows, since in kinds]


def _waiting(key: str, name: StrPromise, queue: str, rows: QuerySet[Any], since: str) -> Waiting:
    found = rows.order_by().aggregate(count=Count("pk"), since=Min(since))
    return Waiting(key=key, name=name, queue=queue, count=found["count"], since=found["since"])


@dataclass(frozen=True, kw_only=True)
class Worker:
    sign: WorkerSign
    up: bool


def workers() -> list[Worker]:
    """Beat among them, whose last sign is that of the default queue's worker doing what beat asked."""
    late = timezone.now() - GONE_AFTER
    return [Worker(sign=sign, up=sign.at > late) for sign in WorkerSign.objects.all()]
