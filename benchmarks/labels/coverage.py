"""How often the 95% intervals hold the planted value, over many worlds of the same labelers.

The planted value is what the same labelers would give over endlessly many prompts. Several have no closed form (ties),
so that it is counted in one world of very many prompts, in which everybody ranks everything.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from benchmarks.labels.worlds import Cast, Size, honest_labeler, world
from labeling.quality.agreement.rules.intervals import Share, share_of
from labeling.quality.agreement.rules.ratios import Sums, pooled, share_of_sums
from labeling.quality.bias.rules.habits import habits_of
from labeling.quality.bias.rules.observed import RankedTask, agreement_with, place_of

Floats = NDArray[np.float64]

LABELERS = 12
TASKS_EACH = 60
BY_PLACE = 0
"""The labeler to whom the first one shown seems better."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """`held`: intervals that hold the planted value, of `intervals`. `width`: their mean width."""

    held: int
    intervals: int
    width: float

    @property
    def percent(self) -> float:
        return 100 * self.held / self.intervals


@dataclass(frozen=True, kw_only=True)
class Planted:
    """The values of endlessly many prompts. `agreement`: overall; by number of completions; by labeler."""

    agreement: float
    by_k: dict[int, float]
    by_labeler: dict[int, float]
    first_is_best: dict[int, float]


def coverage(*, worlds: int, prompts_of_truth: int) -> tuple[dict[str, Coverage], Planted]:
    """By the name of the interval."""
    cast = the_cast()
    truth = planted(world(cast, Size(tasks=prompts_of_truth, per_task=LABELERS), seed=-1))
    found: defaultdict[str, list[tuple[bool, float]]] = defaultdict(list)
    for seed in range(worlds):
        tasks = world(cast, Size(tasks=LABELERS * TASKS_EACH // 3), seed=seed)
        for name, share, value in intervals(tasks, truth, seed=seed):
            if share is not None:
                found[name].append((share.low <= value <= share.high, share.high - share.low))
    return {
        name: Coverage(
            held=sum(held for held, _ in each), intervals=len(each), width=sum(width for _, width in each) / len(each)
        )
        for name, each in found.items()
    }, truth


def the_cast() -> Cast:
    chance = random.Random(0)
    cast = {labeler: honest_labeler(chance) for labeler in range(LABELERS)}
    return cast | {BY_PLACE: replace(cast[BY_PLACE], position=0.6)}


def intervals(tasks: Sequence[RankedTask], truth: Planted, *, seed: int) -> Iterator[tuple[str, Share | None, float]]:
    """(name, the interval that the product would show, the planted value)."""
    yield "pairwise agreement, bootstrap over prompts", agreement_share(tasks, seed=seed), truth.agreement
    by_k: defaultdict[int, list[RankedTask]] = defaultdict(list)
    for task in tasks:
        by_k[len(task.lengths)].append(task)
    for k, part in by_k.items():
        yield "pairwise agreement for one K, bootstrap over prompts", agreement_share(part, seed=seed), truth.by_k[k]
    everybody = habits_of(tasks)
    towards_all = pooled({labeler: habits.agreement for labeler, habits in everybody.items()})
    for labeler, habits in everybody.items():
        yield "a labeler against the rest", share_of_sums(habits.agreement), truth.by_labeler[labeler]
        yield "a labeler against the rest, pooled", towards_all.get(labeler), truth.by_labeler[labeler]
        name = "first shown is ranked first, " + ("planted" if labeler == BY_PLACE else "not planted")
        yield name, habits.first_is_best_share(), truth.first_is_best[labeler]


def agreement_share(tasks: Sequence[RankedTask], *, seed: int) -> Share | None:
    """Of all pairs of rankings, counted by prompt, as the page of agreement does."""
    cells: Counter[tuple[int, int]] = Counter()
    for task in tasks:
        counted = [agreement_with(one, [other]) for one, other in combinations(task.rankings, 2)]
        cells[sum(same for same, _ in counted), sum(strict for _, strict in counted)] += 1
    return share_of(((same, strict, times) for (same, strict), times in cells.items()), seed=seed)


def planted(tasks: Sequence[RankedTask]) -> Planted:
    """Counted where everybody ranked everything."""
    overall, by_k, by_labeler = Sums(), defaultdict[int, Sums](Sums), defaultdict[int, Sums](Sums)
    first: defaultdict[int, list[float]] = defaultdict(list)
    for task in tasks:
        same, strict = _matrices(task)
        for number, one in enumerate(task.rankings):
            by_labeler[one.labeler].add(float(same[number].sum()), float(strict[number].sum()))
            first[one.labeler].append(place_of(one).first_is_best)
        overall.add(float(same.sum()), float(strict.sum()))
        by_k[len(task.lengths)].add(float(same.sum()), float(strict.sum()))
    return Planted(
        agreement=overall.share,
        by_k={k: sums.share for k, sums in by_k.items()},
        by_labeler={labeler: sums.share for labeler, sums in by_labeler.items()},
        first_is_best={labeler: sum(values) / len(values) for labeler, values in first.items()},
    )


def _matrices(task: RankedTask) -> tuple[Floats, Floats]:
    """(pairs ordered alike, pairs that both order), each [ranking, other ranking], with nobody against themself."""
    a, b = np.triu_indices(len(task.lengths), 1)
    ranks = np.array([one.ranks for one in task.rankings])
    signs = np.sign(ranks[:, a] - ranks[:, b])
    strict: Floats = (np.abs(signs) @ np.abs(signs).T).astype(float)
    same: Floats = (signs @ signs.T + strict) / 2
    np.fill_diagonal(same, 0)
    np.fill_diagonal(strict, 0)
    return same, strict
