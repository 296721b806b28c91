"""/metrics: numbers for Prometheus, of what Postgres knows. For whoever has METRICS_TOKEN, or this machine itself."""

import hmac
import time
from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from config.disk import disks_with_room
from config.health import redis_state
from labeling.alerts.models import Incident, WorkerSign
from labeling.base.states import AlertKind
from labeling.campaigns.models.campaigns import Campaign
from labeling.console.queries.figures import figures
from labeling.console.queries.waiting import waiting_work
from labeling.console.queries.work import work_of

LOCAL = frozenset({"127.0.0.1", "::1"})


def metrics(request: HttpRequest) -> HttpResponse:
    if not _may_read(request):
        said = "Send METRICS_TOKEN as “Authorization: Bearer …”, or ask from this machine where none is set.\n"
        return HttpResponse(said, status=403, content_type="text/plain; charset=utf-8")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Numbers())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    """A request that a proxy on this machine passes on comes from elsewhere, whatever its address."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    return request.META.get("REMOTE_ADDR") in LOCAL and "X-Forwarded-For" not in request.headers


class Numbers(Collector):
    """Asked anew for every request: several web processes tell the same."""

    def collect(self) -> Iterable[Metric]:
        yield _gauge("concord_redis_up", "Whether Redis answers.", [((), float(redis_state() == "ok"))])
        yield _gauge(
            "concord_disk_free_bytes",
            "Room on the disk of a folder.",
            [((str(disk.folder),), disk.free_gib * 2**30) for disk in disks_with_room()],
            "folder",
        )
        yield from _work()
        yield from _queues()
        yield from _workers()
        yield _alerts()


def _work() -> Iterable[Metric]:
    slugs = dict(Campaign.objects.values_list("pk", "slug"))
    counted = figures().work
    for name, key, about in (
        ("concord_tasks_ready", "tasks_ready", "Ranking tasks that are ready."),
        ("concord_tasks_sampling", "tasks_sampling", "Ranking tasks without completions."),
        ("concord_rankings_to_begin", "places", "Rankings that labelers could begin."),
    ):
        rows = [((slugs.get(row["campaign"], ""), row["language"]), float(row[key])) for row in counted]  # type: ignore[literal-required]
        yield _gauge(name, about, rows, "campaign", "language")
    sums: dict[tuple[str, ...], float] = {}
    for each in work_of(shown=1, days=1).ever:
        labels = (slugs.get(each.campaign or 0, ""), each.kind, str(each.simulated).lower())
        sums[labels] = sums.get(labels, 0.0) + each.count
    about = "First submissions of real work since the beginning."
    yield _gauge("concord_handed_in", about, list(sums.items()), "campaign", "kind", "simulated")


def _queues() -> Iterable[Metric]:
    waiting, now = waiting_work(), time.time()
    yield _gauge(
        "concord_waiting", "Rows that wait for a worker.", [((w.key,), float(w.count)) for w in waiting], "kind"
    )
    ages = [((w.key,), now - w.since.timestamp() if w.since else 0.0) for w in waiting]
    yield _gauge("concord_waiting_oldest_seconds", "How long the oldest has waited.", ages, "kind")


def _workers() -> Iterable[Metric]:
    signs = list(WorkerSign.objects.all())
    rows = [((sign.name, sign.queues), sign.at.timestamp()) for sign in signs]
    yield _gauge("concord_worker_last_sign", "When it was last heard of, in Unix seconds.", rows, "worker", "queues")
    gpus = [((sign.name, str(place), gpu["name"]), gpu) for sign in signs for place, gpu in enumerate(sign.gpus)]
    used = [(labels, gpu["memory_used"] * 2.0**20) for labels, gpu in gpus]
    yield _gauge("concord_gpu_memory_used_bytes", "As nvidia-smi says.", used, "worker", "place", "gpu")
    busy = [(labels, gpu["use"] / 100) for labels, gpu in gpus]
    yield _gauge("concord_gpu_busy", "Share of the time, as nvidia-smi says.", busy, "worker", "place", "gpu")


def _alerts() -> Metric:
    counted = dict.fromkeys((kind.value for kind in AlertKind), 0)
    for kind in Incident.objects.filter(closed_at=None).values_list("kind", flat=True):
        counted[kind] += 1
    rows = [((kind,), float(count)) for kind, count in counted.items()]
    return _gauge("concord_alerts", "Alerts that last.", rows, "kind")


def _gauge(name: str, about: str, rows: Iterable[tuple[tuple[str, ...], float]], *labels: str) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family
