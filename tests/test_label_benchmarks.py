"""The figures on labels find what simulated labelers were planted with. Few worlds; the benchmark has hundreds."""

import math
import random
from dataclasses import replace
from statistics import fmean

import pytest

from benchmarks.labels import coverage, outliers
from benchmarks.labels.worlds import Size, world
from labeling.quality.agreement.rules.ratios import Sums, share_of_sums
from labeling.quality.bias.rules.habits import habits_of
from labeling.quality.bias.rules.observed import agreement_with, place_of
from labeling.quality.bias.rules.outliers import Habit, findings_of
from labeling.simulation.rules.behaviours import Behaviour
from labeling.simulation.rules.ranking import Page, noise_scale

USUAL = Behaviour(noise=0.33)


def found_in(cast: dict[int, Behaviour], *, tasks: int, seed: int = 1) -> dict[int, set[Habit]]:
    habits = habits_of(world(cast, Size(tasks=tasks), seed=seed))
    findings = findings_of({labeler: each.estimates() for labeler, each in habits.items()})
    return {labeler: {each.habit for each in found if each.is_outlier} for labeler, found in findings.items()}


@pytest.mark.parametrize(
    ("planted", "habit"),
    [
        (replace(USUAL, spam=1.0), Habit.DISAGREES),
        (replace(USUAL, noise=0.5), Habit.DISAGREES),
        (replace(USUAL, position=1.5), Habit.PLACE),
        (replace(USUAL, position=-1.5), Habit.PLACE),
        (replace(USUAL, length=1.5), Habit.LENGTH),
        (replace(USUAL, length=-1.5), Habit.LENGTH),
        (replace(USUAL, copying=0.8), Habit.COPIES),
    ],
)
def test_what_was_planted_is_what_is_found(planted: Behaviour, habit: Habit) -> None:
    found = found_in({0: planted} | dict.fromkeys(range(1, 12), USUAL), tasks=240)
    assert habit in found[0]
    assert sum(bool(habits) for labeler, habits in found.items() if labeler) <= 1


def test_to_take_merit_off_leaves_one_half_and_a_smaller_error() -> None:
    """Of twelve without a bias; the raw figure is the same labelers' in the same world."""
    tasks = world(dict.fromkeys(range(12), USUAL), Size(tasks=240), seed=3)
    raw: dict[int, Sums] = {}
    for task in tasks:
        for one in task.rankings:
            place = place_of(one)
            raw.setdefault(one.labeler, Sums()).add(place.earlier_wins, place.pairs)
    net = {labeler: habits.earlier_wins for labeler, habits in habits_of(tasks).items()}
    assert fmean(each.share for each in net.values()) == pytest.approx(0.5, abs=0.02)
    ratio = fmean(each.variance() for each in net.values()) / fmean(each.variance() for each in raw.values())
    assert 0.5 < ratio < 0.8


def test_every_labeler_ranks_as_many_tasks_and_meets_the_others() -> None:
    tasks = world(dict.fromkeys(range(10), USUAL), Size(tasks=100), seed=0)
    met: dict[int, set[int]] = {}
    for task in tasks:
        assert len({one.labeler for one in task.rankings}) == 3
        for one in task.rankings:
            assert sorted(one.shown) == list(range(1, len(task.lengths) + 1))
            met.setdefault(one.labeler, set()).update(each.labeler for each in task.rankings)
    assert all(habits.rankings == 30 for habits in habits_of(tasks).values())
    assert all(others == set(range(10)) for others in met.values())


def test_intervals_hold_the_planted_values_and_tell_labelers_apart() -> None:
    """Six worlds, within what so few can tell. The one who is biased by 0.6 has another value than all others."""
    found, truth = coverage.coverage(worlds=6, prompts_of_truth=400)
    for name, each in found.items():
        assert each.percent >= 80, name
        assert 0 < each.width < 0.35, name
    others = [value for labeler, value in truth.first_is_best.items() if labeler != coverage.BY_PLACE]
    assert truth.first_is_best[coverage.BY_PLACE] > max(others)
    assert found["a labeler against the rest"].intervals == 6 * coverage.LABELERS


def test_the_planted_value_is_that_of_bradley_and_terry() -> None:
    """Two labelers without ties or habits: each prefers the better one with p, and they agree with p² + (1 − p)²."""
    cast = dict.fromkeys(range(2), USUAL)
    tasks = world(cast, Size(tasks=1500, per_task=2), seed=4)
    found = coverage.planted(tasks).agreement
    own = share_of_sums(habits_of(tasks)[0].agreement)
    assert own is not None
    assert own.value == pytest.approx(found)
    assert own.low < expected_agreement() < own.high


def expected_agreement(pages: int = 3000) -> float:
    chance, same, pairs = random.Random(8), 0.0, 0
    for _ in range(pages):
        k = chance.choice(range(4, 10))
        page = Page([chance.gauss(0, 1) for _ in range(k)], [1] * k)
        scale = noise_scale(page.true_worths, USUAL.noise)
        for a in range(k):
            for b in range(a):
                p = 1 / (1 + math.exp((page.true_worths[a] - page.true_worths[b]) / scale))
                same, pairs = same + p * p + (1 - p) * (1 - p), pairs + 1
    return same / pairs


def test_who_is_right_against_all_others_differs_from_them_and_agrees_best_with_the_truth() -> None:
    """All but the labeler 0 are misled alike; 12 knows. An outlier is not yet a bad labeler: the researcher says so."""
    researcher = 12
    cast = {0: replace(USUAL, sees_truth=True)} | dict.fromkeys(range(1, researcher), USUAL)
    tasks = world(cast | {researcher: Behaviour(sees_truth=True)}, Size(tasks=60, per_task=13), seed=2, misled=1.5)
    by_the_misled = [
        replace(task, rankings=[one for one in task.rankings if one.labeler != researcher]) for task in tasks
    ]
    habits = habits_of(by_the_misled)
    findings = findings_of({labeler: each.estimates() for labeler, each in habits.items()})
    assert [each.habit for each in findings[0] if each.is_outlier] == [Habit.DISAGREES]
    with_truth: dict[int, Sums] = {}
    for task in tasks:
        (knows,) = (one for one in task.rankings if one.labeler == researcher)
        for one in task.rankings:
            with_truth.setdefault(one.labeler, Sums()).add(*agreement_with(one, [knows]))
    best, rest = share_of_sums(with_truth[0]), [with_truth[labeler].share for labeler in range(1, researcher)]
    assert best is not None
    assert best.low > max(rest)


def test_four_planted_among_forty_are_flagged_and_a_threshold_finds_the_spammer_alone() -> None:
    found = outliers.outliers(worlds=2)
    assert found.ours.planted_percent >= 85
    assert found.ours.honest_percent <= 5
    assert found.threshold.planted["spammer"] == 2
    assert found.threshold.planted["copier"] == 0
    assert 0.68 < found.agreement_of_honest < 0.77
