"""What a crowd of labelers met, and the figures that are made of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.harness.measure import Measure

# docs/benchmarks.md says how these were measured.
PEER = "Label Studio"
PEER_RATE = 12.5
PEER_NEXT_P95_MS = 1187.0


@dataclass(frozen=True, kw_only=True)
class Load:
    """One stage: how many labelers, by which way, for how many operations at most."""

    name: str
    labelers: int
    operations: int
    without_scripts: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Times in seconds. `operations` holds a list for each labeler: until the page was there, until it was handed in,
    token."""

    operations: list[list[tuple[float, float, str]]]
    errors: list[str]
    seconds: float
    clients_cpu: float
    web_cpu: float
    postgres_cpu: float

    @property
    def count(self) -> int:
        return sum(map(len, self.operations))

    def next_ms(self) -> list[float]:
        return [1000 * shown for mine in self.operations for shown, _, _ in mine]

    def submit_ms(self) -> list[float]:
        return [1000 * handed_in for mine in self.operations for _, handed_in, _ in mine]

    def submit_to_next_ms(self) -> list[float]:
        """Returns the milliseconds from sending a ranking until the page of the next one is there."""
        pairs = (pair for mine in self.operations for pair in pairwise(mine))
        return [1000 * (before[1] + after[0]) for before, after in pairs]

    def tokens(self) -> list[str]:
        return [token for mine in self.operations for _, _, token in mine]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many percent do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]


def measures_of(load: Load, outcome: Outcome, *, limit: float) -> list[Measure]:
    """limit: operations a second of the same work without HTTP."""
    crowded = load.labelers > 1  # the peer was measured with sixteen
    rate = Measure(
        name=f"next + submit, {load.name}",
        value=outcome.count / outcome.seconds,
        unit="operations/s",
        better="more",
        peer=PEER if crowded else "",
        peer_value=PEER_RATE if crowded else None,
        limit=limit,
    )
    spreads = {"submit to next": outcome.submit_to_next_ms()}
    if load.without_scripts:  # otherwise the next page comes with the answer to the submission: there is but one wait
        spreads = {"next": outcome.next_ms(), "submit": outcome.submit_ms()} | spreads
    latencies = [
        _milliseconds(f"{what} p{percent}, {load.name}", percentile(values, percent), peer=crowded)
        for what, values in spreads.items()
        for percent in (50, 95)
    ]
    processors = {"web": outcome.web_cpu, "PostgreSQL": outcome.postgres_cpu, "clients": outcome.clients_cpu}
    costs = [
        _milliseconds(f"{whose} CPU an operation, {load.name}", 1000 * seconds / outcome.count)
        for whose, seconds in processors.items()
    ]
    total = 1000 * sum(processors.values()) / outcome.count
    costs.append(_milliseconds(f"CPU an operation, {load.name}", total))
    errors = Measure(name=f"errors, {load.name}", value=len(outcome.errors), unit="errors", better="less")
    return [rate, *latencies, *costs, errors]


def _milliseconds(name: str, value: float, *, peer: bool = False) -> Measure:
    known = peer and name.startswith(("next p95", "submit to next p95"))  # of the peer's only the first is known
    return Measure(
        name=name,
        value=value,
        unit="ms",
        better="less",
        peer=PEER if known else "",
        peer_value=PEER_NEXT_P95_MS if known else None,
    )
