"""Who is flagged among 40 labelers of whom four are planted, and whom a plain threshold on agreement flags."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from benchmarks.labels.worlds import Cast, Size, honest_labeler, world
from labeling.quality.bias.rules.habits import Habits, habits_of
from labeling.quality.bias.rules.outliers import findings_of

LABELERS, TASKS_EACH = 40, 60
PLANTED = ("spammer", "position-biased", "length-biased", "copier")
"""The first labelers, in this order."""
BIAS = 1.5
"""Standard deviations of worth: between the first and the last shown, and per standard deviation of length."""
COPIED = 0.8
"""The share of the copier's rankings that are somebody's earlier one, where there is one."""


@dataclass(kw_only=True)
class Flagged:
    """Over all worlds: how many of each planted kind were flagged, and how many honest labelers."""

    worlds: int = 0
    planted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PLANTED, 0))
    honest: int = 0
    false_discoveries: list[float] = field(default_factory=list)
    """By world, the share of the honest ones among those flagged; what is held is its mean."""

    def add(self, flagged: set[int]) -> None:
        self.worlds += 1
        honest = {labeler for labeler in flagged if labeler >= len(PLANTED)}
        self.honest += len(honest)
        self.false_discoveries.append(len(honest) / len(flagged) if flagged else 0.0)
        for labeler, kind in enumerate(PLANTED):
            self.planted[kind] += labeler in flagged

    @property
    def planted_percent(self) -> float:
        return 100 * sum(self.planted.values()) / (self.worlds * len(PLANTED))

    @property
    def honest_percent(self) -> float:
        return 100 * self.honest / (self.worlds * (LABELERS - len(PLANTED)))

    @property
    def false_discovery_rate(self) -> float:
        return sum(self.false_discoveries) / self.worlds


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """`threshold`: flags below a fixed agreement with the rest, the one that flags `honest_allowed` of the honest."""

    ours: Flagged
    threshold: Flagged
    threshold_at: float
    agreement_of_honest: float


def the_cast(seed: int, *, bias: float = BIAS) -> Cast:
    chance = random.Random(f"cast {seed}")
    cast = {labeler: honest_labeler(chance) for labeler in range(LABELERS)}
    return cast | {
        0: replace(cast[0], spam=1.0),
        1: replace(cast[1], position=bias),
        2: replace(cast[2], length=bias),
        3: replace(cast[3], copying=COPIED),
    }


def outliers(*, worlds: int, bias: float = BIAS, honest_allowed: float = 0.05) -> Outcome:
    ours, agreement = Flagged(), []
    for seed in range(worlds):
        everybody = habits_of(world(the_cast(seed, bias=bias), Size(tasks=LABELERS * TASKS_EACH // 3), seed=seed))
        ours.add(flagged_by_us(everybody))
        agreement.append({labeler: habits.agreement.share for labeler, habits in everybody.items()})
    honest = sorted(share for each in agreement for labeler, share in each.items() if labeler >= len(PLANTED))
    # The best a plain threshold can do: it is told the very worlds that it is tried on.
    at = honest[int(honest_allowed * len(honest))]
    threshold = Flagged()
    for each in agreement:
        threshold.add({labeler for labeler, share in each.items() if share < at})
    return Outcome(ours=ours, threshold=threshold, threshold_at=at, agreement_of_honest=sum(honest) / len(honest))


def flagged_by_us(everybody: Mapping[int, Habits]) -> set[int]:
    findings = findings_of({labeler: habits.estimates() for labeler, habits in everybody.items()})
    return {labeler for labeler, found in findings.items() if any(each.is_outlier for each in found)}
