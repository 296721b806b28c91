"""Who differs from the others more than chance explains, with the price of many looks paid. Pure.

Each labeler has an estimate with its standard error for each habit. People differ a little even where nothing is
wrong, so that an estimate is held against the spread of all (the empirical null; Efron 2004), by median and MAD, which
a few odd ones do not move. Over all labelers and habits of one look, the false discovery rate is held
(Benjamini and Hochberg 1995): of those named, on average at most FALSE_DISCOVERIES are named wrongly.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist, median
from typing import Generic, TypeVar

from labeling.quality.agreement.rules.intervals import normal_of_student

FALSE_DISCOVERIES = 0.05
FEWEST_TASKS = 20
"""Nobody is judged on less."""
FEWEST_LABELERS = 5
"""Of fewer, how far people differ can't be told; then chance alone is what they are held against."""
MAD_TO_SD = 1.4826
"""The standard deviation of a normal distribution over its median absolute deviation."""

Who = TypeVar("Who", bound=Hashable)


class Habit(StrEnum):
    DISAGREES = "disagrees"
    """Orders pairs otherwise than the rest: random, careless, or right against all."""
    PLACE = "place"
    """Prefers what is shown earlier (or later)."""
    SHOWN_ORDER = "shown_order"
    """Hands in just the order shown."""
    LENGTH = "length"
    """Prefers the longer (or the shorter) where others do not."""
    COPIES = "copies"
    """Hands in the very ranking that somebody had handed in before."""
    FAST = "fast"
    """Needs much less time than others for the same number of completions."""


ONE_SIDED = {Habit.DISAGREES: -1, Habit.SHOWN_ORDER: 1, Habit.COPIES: 1, Habit.FAST: -1}
"""The direction that is a fault; of the others both are."""
EXPECTED = {Habit.PLACE: 0.5}
"""What the figure is without the habit, where that is known; elsewhere it is the labelers' median."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A labeler's figure for a habit, its standard error, and over how many tasks."""

    value: float
    error: float
    tasks: int


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`centre`: what the figure is held against; `z`: how many standard deviations away it is, the spread among people
    included; `chance`: how often as much or more comes by chance; `is_outlier`: after all looks are paid for."""

    habit: Habit
    value: float
    error: float
    tasks: int
    centre: float
    z: float
    chance: float
    is_outlier: bool


class Findings(dict[Who, list[Finding]], Generic[Who]):
    """By labeler, each habit on which there is enough to judge, the least likely first."""


def findings_of(
    everybody: Mapping[Who, Mapping[Habit, Estimate]], *, false_discoveries: float = FALSE_DISCOVERIES
) -> Findings[Who]:
    found: list[tuple[Who, Finding]] = []
    for habit in Habit:
        known = {
            who: habits[habit]
            for who, habits in everybody.items()
            if habit in habits and habits[habit].tasks >= FEWEST_TASKS
        }
        found += _of_one_habit(habit, known)
    named = discoveries([finding.chance for _, finding in found], rate=false_discoveries)
    findings: Findings[Who] = Findings()
    for (who, finding), is_outlier in sorted(zip(found, named, strict=True), key=lambda each: each[0][1].chance):
        findings.setdefault(who, []).append(
            Finding(**{**finding.__dict__, "is_outlier": is_outlier}) if is_outlier else finding
        )
    return findings


def _of_one_habit(habit: Habit, known: Mapping[Who, Estimate]) -> list[tuple[Who, Finding]]:
    if len(known) < 2 and habit not in EXPECTED:
        return []  # somebody alone can't be held against others
    centre = EXPECTED.get(habit)
    if centre is None:
        centre = median(each.value for each in known.values())
    between = _spread_between([each.value - centre for each in known.values()], [e.error for e in known.values()])
    return [(who, _finding(habit, each, centre=centre, between=between)) for who, each in known.items()]


def _spread_between(differences: Sequence[float], errors: Sequence[float]) -> float:
    """The variance between people that the errors don't explain."""
    if len(differences) < FEWEST_LABELERS:
        return 0.0
    whole = (MAD_TO_SD * median(abs(each) for each in differences)) ** 2
    return max(0.0, whole - median(errors) ** 2)


def _finding(habit: Habit, each: Estimate, *, centre: float, between: float) -> Finding:
    scale = math.sqrt(each.error**2 + between)
    t = (each.value - centre) / scale if scale else 0.0
    z = normal_of_student(t, each.tasks - 1)
    side = ONE_SIDED.get(habit)
    chance = NormalDist().cdf(-side * z) if side else 2 * NormalDist().cdf(-abs(z))
    return Finding(
        habit=habit, value=each.value, error=each.error, tasks=each.tasks, centre=centre, z=z, chance=chance,
        is_outlier=False,
    )  # fmt: skip


def discoveries(chances: Sequence[float], *, rate: float = FALSE_DISCOVERIES) -> list[bool]:
    """Which of these p-values are discoveries at the false discovery rate (Benjamini and Hochberg 1995).

    >>> discoveries([0.001, 0.9, 0.02])
    [True, False, True]
    """
    ordered = sorted(chances)
    largest = max(
        (value for place, value in enumerate(ordered, start=1) if value <= rate * place / len(ordered)), default=-1.0
    )
    return [chance <= largest for chance in chances]
