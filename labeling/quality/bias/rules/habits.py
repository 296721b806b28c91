"""From rankings to each labeler's habits: sums in one pass over the tasks, in memory by labelers only. Pure."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from labeling.quality.agreement.rules.intervals import FEWEST_PROMPTS, Share
from labeling.quality.agreement.rules.ratios import Sums, share_of_sums
from labeling.quality.bias.rules.observed import (
    Ranked,
    RankedTask,
    agreement_with,
    earlier_by_others,
    is_like_an_earlier_one,
    length_of,
    place_of,
    ties_by_place,
)
from labeling.quality.bias.rules.outliers import Estimate, Habit
from lm.snapshot.records import RANKED_HIGHEST

BY_MERIT = 0.7
"""How much of what others say of the earlier ones is taken off one's own preference for them (a control variate:
Lavenberg and Welch 1981). With any weight the expectation stays one half, for each labeler's order is drawn anew; with
this one the error is nearly the least where labelers agree about 73% of pairs."""


@dataclass(kw_only=True)
class Mean:
    """Values added up, with their squares."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.squares += value * value

    @property
    def mean(self) -> float:
        return self.total / self.count

    def error(self) -> float:
        """The standard error of the mean. Needs two values."""
        return math.sqrt(max(0.0, self.squares - self.total**2 / self.count) / (self.count - 1) / self.count)


@dataclass(kw_only=True)
class Habits:
    """What is known of one labeler. Ratios are per task: (x of y)."""

    rankings: int = 0
    agreement: Sums = field(default_factory=Sums)
    first_is_best: Mean = field(default_factory=Mean)
    first_by_chance: float = 0.0
    earlier_wins: Sums = field(default_factory=Sums)
    """Net of BY_MERIT."""
    in_shown_order: Mean = field(default_factory=Mean)
    in_shown_order_by_chance: float = 0.0
    longer_wins: Sums = field(default_factory=Sums)
    against_for_longer: Sums = field(default_factory=Sums)
    like_an_earlier_one: Mean = field(default_factory=Mean)
    pace: Mean = field(default_factory=Mean)
    tied: list[int] = field(default_factory=lambda: [0] * RANKED_HIGHEST)
    paired: list[int] = field(default_factory=lambda: [0] * RANKED_HIGHEST)

    def look_at(self, one: Ranked, others: list[Ranked], earlier: list[Ranked], lengths: list[int]) -> None:
        self.rankings += 1
        place = place_of(one)
        self.first_is_best.add(place.first_is_best)
        self.first_by_chance += place.by_chance
        if place.pairs:
            by_merit = BY_MERIT * earlier_by_others(one, others)
            self.earlier_wins.add(place.earlier_wins - by_merit, place.pairs)
        if place.in_shown_order is not None:
            self.in_shown_order.add(place.in_shown_order)
            self.in_shown_order_by_chance += place.in_shown_order_by_chance
        for shown, tied, pairs in ties_by_place(one):
            self.tied[shown - 1] += tied
            self.paired[shown - 1] += pairs
        length = length_of(one, others, lengths)
        if length.pairs:
            self.longer_wins.add(length.longer_wins, length.pairs)
        if others:
            same, strict = agreement_with(one, others)
            if strict:
                self.agreement.add(same, strict)
            # Over all tasks that somebody else ranked too, for where they agree there is nothing to see.
            if length.pairs:
                self.against_for_longer.add(length.for_longer - length.for_shorter, length.pairs * len(others))
        if earlier and len(lengths) > 2:
            self.like_an_earlier_one.add(is_like_an_earlier_one(one, earlier))

    def first_is_best_share(self) -> Share | None:
        """How often what is shown first is ranked first. None: not enough data."""
        if self.first_is_best.count < FEWEST_PROMPTS:
            return None
        sums = Sums(
            prompts=self.first_is_best.count,
            x=self.first_is_best.total,
            y=self.first_is_best.count,
            xx=self.first_is_best.squares,
            xy=self.first_is_best.total,
            yy=self.first_is_best.count,
        )
        return share_of_sums(sums)

    def longer_wins_share(self) -> Share | None:
        return share_of_sums(self.longer_wins)

    def estimates(self) -> dict[Habit, Estimate]:
        """What outliers are found by. A habit without anything to see is left out."""
        known: dict[Habit, Estimate] = {}
        for habit, sums in (
            (Habit.DISAGREES, self.agreement),
            (Habit.PLACE, self.earlier_wins),
            (Habit.LENGTH, self.against_for_longer),
        ):
            if sums.prompts > 1 and sums.y:
                error = math.sqrt(sums.variance())
                known[habit] = Estimate(value=sums.share, error=error, tasks=sums.prompts)
        if self.in_shown_order.count > 1:
            count, chance = self.in_shown_order.count, self.in_shown_order_by_chance / self.in_shown_order.count
            known[Habit.SHOWN_ORDER] = Estimate(
                value=self.in_shown_order.mean - chance,
                # It is rare: without a single one, chance itself says how far off the figure may be.
                error=max(self.in_shown_order.error(), math.sqrt(chance * (1 - chance) / count)),
                tasks=count,
            )
        if self.like_an_earlier_one.count > 1:
            known[Habit.COPIES] = _of_mean(self.like_an_earlier_one, floor=True)
        if self.pace.count > 1:
            known[Habit.FAST] = _of_mean(self.pace)
        return known


def _of_mean(mean: Mean, *, floor: bool = False) -> Estimate:
    """`floor`: of a share, whose error is not known from alike values (the rule of succession)."""
    guess = (mean.total + 1) / (mean.count + 2)
    least = math.sqrt(guess * (1 - guess) / mean.count) if floor else 0.0
    return Estimate(value=mean.mean, error=max(mean.error(), least), tasks=mean.count)


def habits_of(tasks: Iterable[RankedTask], *, usual_seconds: dict[int, float] | None = None) -> dict[int, Habits]:
    """By labeler, from one pass over the tasks. `usual_seconds`: the median by number of completions, to measure pace
    against; without it pace is not looked at."""
    habits: defaultdict[int, Habits] = defaultdict(Habits)
    for task in tasks:
        for number, one in enumerate(task.rankings):
            others = [each for each in task.rankings if each.labeler != one.labeler]
            mine = habits[one.labeler]
            mine.look_at(one, others, list(task.rankings[:number]), list(task.lengths))
            usual = (usual_seconds or {}).get(len(task.lengths))
            if usual and one.seconds:
                mine.pace.add(math.log(one.seconds / usual))
    return dict(habits)
