"""`/metrics`: what the engines do, for Prometheus."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from sampler.server.hosted import Hosted
from sampler.server.shelf import Shelf

Read = Callable[[Hosted], float]

COUNTERS: dict[str, tuple[str, Read]] = {
    "sampler_prompt_tokens": (
        "Tokens of prompts that were read; those found in a prefix left out.",
        lambda hosted: hosted.sampler.engine.sight.prompt_tokens,
    ),
    "sampler_prefix_tokens": (
        "Tokens of prompts that were found in what an earlier turn left.",
        lambda hosted: hosted.sampler.engine.prefix_tokens,
    ),
    "sampler_new_tokens": ("Tokens that were drawn.", lambda hosted: hosted.sampler.engine.sight.new_tokens),
    "sampler_steps": ("Steps of all live rows together.", lambda hosted: hosted.sampler.engine.sight.steps),
    "sampler_rows_in_steps": (
        "Rows of all these steps: divided by them, how many were live on average.",
        lambda hosted: hosted.sampler.engine.sight.rows_in_steps,
    ),
    "sampler_out_of_memory": ("How often memory ran out.", lambda hosted: hosted.sampler.engine.sight.halvings),
    "sampler_refused": ("Requests that were sent away: too many waited.", lambda hosted: hosted.refused),
}
GAUGES: dict[str, tuple[str, Read]] = {
    "sampler_requests_in_flight": ("Requests that are being answered.", lambda hosted: hosted.in_flight),
    "sampler_requests_waiting": ("Of these, without a token yet.", lambda hosted: hosted.waiting),
    "sampler_live_rows": ("Completions that are being written.", lambda hosted: len(hosted.sampler.engine.live)),
    "sampler_cache_bytes": (
        "Keys and values in memory, or with their room reserved.",
        lambda hosted: hosted.sampler.sight()["cache_bytes"],
    ),
    "sampler_cache_limit_bytes": (
        "The most that these may come to.",
        lambda hosted: hosted.sampler.sight()["cache_limit_bytes"],
    ),
}


def numbers_of(shelf: Shelf) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(shelf))
    return generate_latest(registry)


class _Numbers(Collector):
    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def collect(self) -> Iterable[Metric]:
        for name, (about, read) in COUNTERS.items():
            counter = CounterMetricFamily(name, about, labels=["model"])
            for hosted in self._shelf.hosted:
                counter.add_metric([hosted.name], read(hosted))
            yield counter
        for name, (about, read) in GAUGES.items():
            gauge = GaugeMetricFamily(name, about, labels=["model"])
            for hosted in self._shelf.hosted:
                gauge.add_metric([hosted.name], read(hosted))
            yield gauge
        yield self._first_tokens()

    def _first_tokens(self) -> HistogramMetricFamily:
        about = "Seconds from taking a request to its first token."
        times = HistogramMetricFamily("sampler_time_to_first_token_seconds", about, labels=["model"])
        for hosted in self._shelf.hosted:
            sight = hosted.sampler.engine.sight
            within = [(str(bound), float(count)) for bound, count in sight.first_tokens_within.items()]
            buckets = [*within, ("+Inf", float(sight.first_tokens))]
            times.add_metric([hosted.name], buckets=buckets, sum_value=sight.first_token_seconds)
        return times
