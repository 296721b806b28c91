"""What waits for workers, for how long, and which workers are up."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, Min, Model, QuerySet, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from labeling.alerts.models import WorkerSign
from labeling.alerts.queries.causes import GONE_AFTER
from labeling.api.models import WebhookDelivery
from labeling.base.fast_paths.built_once import BuiltOnce
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


class _Kind(NamedTuple):
    """`asked_at`: the column of when each was asked for; `states`: of the rows that no worker finished."""

    key: str
    name: StrPromise
    queue: str
    table: type[Model]
    asked_at: str
    states: Sequence[str]


KINDS = (
    _Kind(
        "suggestions",
        _("Suggestions that labelers wait for"),
        "suggestions",
        SuggestionRequest,
        "asked_at",
        [SuggestionState.WAITING],
    ),
    _Kind(
        "scoring", _("Rewards that programs wait for"), "scoring", ScoringRequest, "asked_at", [ScoringState.WAITING]
    ),
    _Kind(
        "sampling", _("Ranking tasks without completions"), "sampling", RankingTask, "created_at", [TaskState.SAMPLING]
    ),
    _Kind("training", _("Training runs"), "training", TrainingRun, "created_at", [RunState.QUEUED]),
    _Kind("policies", _("Policy runs"), "training", PolicyRun, "created_at", [RunState.QUEUED]),
    _Kind(
        "snapshots", _("Snapshots that were asked for"), "default", SnapshotRequest, "asked_at", [ExportState.WAITING]
    ),
    _Kind(
        "imports",
        _("Files to be imported"),
        "default",
        PromptImport,
        "created_at",
        [ImportState.CHECKING, ImportState.IMPORTING],
    ),
    _Kind("webhooks", _("Events for webhooks"), "default", WebhookDelivery, "happened_at", [DeliveryState.WAITING]),
)


def waiting_work() -> list[Waiting]:
    found: defaultdict[str, list[tuple[int, datetime]]] = defaultdict(list)
    for key, _state, count, since in _waiting_by_state.rows():
        found[key].append((count, since))
    return [
        Waiting(
            key=kind.key,
            name=kind.name,
            queue=kind.queue,
            count=sum(count for count, _since in found[kind.key]),
            since=min((since for _count, since in found[kind.key]), default=None),
        )
        for kind in KINDS
    ]


@BuiltOnce
def _waiting_by_state() -> QuerySet[Any, Any]:
    """The key of each kind and the state, of how many rows, and since when the oldest waits."""
    kinds: list[QuerySet[Any, Any]] = [
        kind.table._default_manager.filter(state__in=kind.states)  # noqa: SLF001  (Django documents it)
        .order_by()
        .annotate(key=Value(kind.key))
        .values_list("key", "state")
        .annotate(count=Count("pk"), since=Min(kind.asked_at))
        for kind in KINDS
    ]
    return kinds[0].union(*kinds[1:], all=True)


@dataclass(frozen=True, kw_only=True)
class Worker:
    sign: WorkerSign
    up: bool


def workers() -> list[Worker]:
    """Beat among them, whose last sign is that of the default queue's worker doing what beat asked."""
    late = timezone.now() - GONE_AFTER
    return [Worker(sign=sign, up=sign.at > late) for sign in WorkerSign.objects.all()]
