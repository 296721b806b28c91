"""/metrics: numbers for Prometheus, of what Postgres knows. For whoever has METRICS_TOKEN, or this machine itself."""

import hmac
import time
from collections.abc import Callable, Iterable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from config.disk import disks_with_room
from config.health import redis_state
from labeling.alerts.models import Incident, WorkerSign
from labeling.base.states import AlertKind, SamplingFailure
from labeling.campaigns.models.campaigns import Campaign
from labeling.console.queries.depth import depths
from labeling.console.queries.figures import figures
from labeling.console.queries.pace import paces, sampling_now
from labeling.console.queries.waiting import waiting_work
from labeling.console.queries.work import work_of
from sampler.protocol import SamplerSight

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
        yield from _sampling()
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


def _sampling() -> Iterable[Metric]:
    """Of the last half hour (queries/pace.py); what samplers hold in memory, since they were loaded."""
    work = work_of(shown=1, days=8)
    known = paces(work.by_day, to_plan=False)
    now = sampling_now(known)
    depth = depths(campaigns=Campaign.objects.in_bulk(), figures=figures(), work=work)
    minutes = [((each.campaign.slug, each.language), each.minutes) for each in depth if each.minutes is not None]
    about = "How long one labeler would be busy with what is ready."
    yield _gauge("concord_ready_minutes", about, minutes, "campaign", "language")
    slugs = {each.campaign.pk: each.campaign.slug for each in depth}
    people = [((slugs[key[0]], key[1]), pace.at_work) for key, pace in known.by_queue.items() if key[0] in slugs]
    yield _gauge("concord_labelers_at_work", "Who ranked within half an hour.", people, "campaign", "language")
    speed = now.tokens_per_second
    about = "Tokens a second while a worker was busy."
    yield _gauge("concord_sampling_tokens_per_second", about, [((), speed)] if speed is not None else [])
    verdict = now.verdict
    rates = [(("sustained",), verdict.sustained), (("used",), verdict.used)] if verdict else []
    yield _gauge("concord_sampling_tasks_per_minute", "What workers sustain, and labelers use up.", rates, "of")
    failed = [((reason.value,), float(now.failures.get(reason.value, 0))) for reason in SamplingFailure]
    yield _gauge("concord_sampling_failures", "Runs that failed.", failed, "reason")
    for name, about, value in SIGHTS:
        rows = [((each.worker, str(each.model_version)), value(each.sight)) for each in now.reports]
        yield _gauge(name, about, rows, "worker", "model")


SIGHTS: tuple[tuple[str, str, Callable[[SamplerSight], float]], ...] = (
    ("concord_sampler_prompt_tokens", "Tokens of prompts that were read.", lambda sight: sight["prompt_tokens"]),
    ("concord_sampler_prefix_tokens", "Tokens of prompts not read anew.", lambda sight: sight["prefix_tokens"]),
    ("concord_sampler_new_tokens", "Tokens that were sampled.", lambda sight: sight["new_tokens"]),
    (
        "concord_sampler_batch_rows",
        "Completions at once, on average.",
        lambda sight: sight["rows_in_steps"] / (sight["steps"] or 1),
    ),
    (
        "concord_sampler_first_token_seconds",
        "From asking to the first token, on average.",
        lambda sight: sight["first_token_seconds"] / (sight["first_tokens"] or 1),
    ),
    ("concord_sampler_cache_bytes", "Keys and values in memory.", lambda sight: sight["cache_bytes"]),
    ("concord_sampler_cache_limit_bytes", "The most that they may be.", lambda sight: sight["cache_limit_bytes"]),
    ("concord_sampler_memory_ran_out", "Times that fewer at once went on.", lambda sight: sight["halvings"]),
)


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
