"""From rankings to each labeler's habits: sums in one pass over the tasks, in memory by labelers only. Pure."""

import math
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from labeling.quality.agreement.rules.intervals import FEWEST_PROMPTS, Share
from labeling.quality.agreement.rules.ratios import Sums, share_of_sums
from labeling.quality.bias.rules.observed import (
    Ranked,
    RankedTask,
    agreement_with,
    earlier_by_others,
    length_of,
    like_earlier_ones,
    place_of,
    ties_by_place,
)
from labeling.quality.bias.rules.outliers import Estimate, Habit
from lm.snapshot.records.constants import RANKED_HIGHEST

BY_MERIT = 0.7
"""How much of what others say of the earlier ones is taken off one's own preference for them (a control variate:
Lavenberg and Welch 1981). With any weight the expectation stays one half, for each labeler's order is drawn anew; with
this one the error is nearly the least where labelers agree about 73% of pairs."""
LATELY = 40
"""Rankings: those whose pace is held against one's own before."""


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
    with_others_for_longer: Sums = field(default_factory=Sums)
    with_others_for_shorter: Sums = field(default_factory=Sums)
    like_earlier_ones: Sums = field(default_factory=Sums)
    pace: Mean = field(default_factory=Mean)
    lately: deque[float] = field(default_factory=lambda: deque(maxlen=LATELY))
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
                self.with_others_for_longer.add(length.same_longer, length.same_longer + length.for_shorter)
                self.with_others_for_shorter.add(length.same_shorter, length.same_shorter + length.for_longer)
        if earlier and len(lengths) > 2:
            self.like_earlier_ones.add(like_earlier_ones(one, earlier), len(earlier))

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

    def agreement_lengths_balanced(self) -> float | None:
        """Agreement with the others, where they prefer the longer and where they prefer the shorter counting alike.

        Whoever goes by length alone has one half in it. None: not enough data of either.
        """
        both = (self.with_others_for_longer, self.with_others_for_shorter)
        return sum(each.share for each in both) / 2 if all(each.is_enough for each in both) else None

    def tie_rates(self) -> list[float | None]:
        """By place shown, the share of the pairs of what is shown there that are tied."""
        return [tied / paired if paired else None for tied, paired in zip(self.tied, self.paired, strict=True)]

    def keep_pace(self, logarithm: float) -> None:
        """Of seconds over what is usual; from the first task to the last."""
        self.pace.add(logarithm)
        self.lately.append(logarithm)

    def pace_lately(self) -> float | None:
        """The seconds of the last LATELY rankings over one's own before, the geometric mean. None: not enough data."""
        before = self.pace.count - len(self.lately)
        if len(self.lately) < LATELY or before < FEWEST_PROMPTS:
            return None
        lately = sum(self.lately)
        return math.exp(lately / len(self.lately) - (self.pace.total - lately) / before)

    def pace_over_usual(self) -> float | None:
        """Seconds over what is usual, the geometric mean. None: not enough data."""
        return math.exp(self.pace.mean) if self.pace.count >= FEWEST_PROMPTS else None

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
        if self.like_earlier_ones.prompts > 1:
            known[Habit.COPIES] = _of_rare(self.like_earlier_ones)
        if self.pace.count > 1:
            known[Habit.FAST] = Estimate(value=self.pace.mean, error=self.pace.error(), tasks=self.pace.count)
        return known


def _of_rare(sums: Sums) -> Estimate:
    """Of a share that may be nought in all tasks: its error then comes from the rule of succession."""
    guess = (sums.x + 1) / (sums.y + 2)
    error = max(math.sqrt(sums.variance()), math.sqrt(guess * (1 - guess) / sums.y))
    return Estimate(value=sums.share, error=error, tasks=sums.prompts)


def habits_of(tasks: Iterable[RankedTask]) -> dict[int, Habits]:
    """By labeler, from one pass over the tasks."""
    habits: defaultdict[int, Habits] = defaultdict(Habits)
    for task in tasks:
        for number, one in enumerate(task.rankings):
            others = [each for each in task.rankings if each.labeler != one.labeler]
            mine = habits[one.labeler]
            mine.look_at(one, others, list(task.rankings[:number]), list(task.lengths))
            if task.usual_seconds and one.seconds:
                mine.keep_pace(math.log(one.seconds / task.usual_seconds))
    return dict(habits)
