"""Habits and outliers: figures worked by hand, a published example, and worlds in which four labelers are planted."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from labeling.quality.bias.rules.habits import habits_of
from labeling.quality.bias.rules.length_control import controlled
from labeling.quality.bias.rules.near_copies import near_copy_of
from labeling.quality.bias.rules.observed import (
    Ranked,
    RankedTask,
    earlier_by_others,
    length_of,
    place_of,
    ties_by_place,
)
from labeling.quality.bias.rules.outliers import Estimate, Habit, discoveries, findings_of
from labeling.quality.bias.rules.sentinel import FEWEST, Period, looks

SPAMMER, BY_PLACE, BY_LENGTH, COPIER = range(4)
LABELERS, ITEMS, K = 40, 60, 4


def ranked(labeler: int, *ranks: int, shown: tuple[int, ...] = ()) -> Ranked:
    return Ranked(labeler=labeler, ranks=ranks, shown=shown or tuple(range(1, len(ranks) + 1)))


def test_place_counts_ties_for_the_best_in_parts() -> None:
    """Ranks 2, 1, 1, shown at 2, 1, 3: what is shown first is one of two best ones, one half. Of the ordered pairs the
    earlier one wins at 1 against 2, and loses at 2 against 3."""
    place = place_of(ranked(1, 2, 1, 1, shown=(2, 1, 3)))
    assert place.first_is_best == 0.5
    assert place.by_chance == pytest.approx(1 / 3)
    assert (place.earlier_wins, place.pairs) == (1, 2)
    assert place.in_shown_order is False
    assert place_of(ranked(1, 1, 2, 3)).in_shown_order is True
    assert place_of(ranked(1, 1, 2)).in_shown_order is None


def test_what_others_say_of_those_shown_earlier_is_merit() -> None:
    """Shown in the order of my ranks 1, 2, 3. The other one prefers the second to the first, else as shown: of three
    pairs two go to the earlier one, half a pair more than half of them. Somebody who ties all says nothing."""
    mine = ranked(1, 1, 2, 3)
    assert earlier_by_others(mine, [ranked(2, 2, 1, 3, shown=(3, 1, 2))]) == 0.5
    assert earlier_by_others(mine, [ranked(2, 2, 1, 3), ranked(3, 1, 1, 1)]) == 0.25
    assert earlier_by_others(mine, []) == 0


def test_ties_are_counted_where_they_are_shown() -> None:
    assert list(ties_by_place(ranked(1, 1, 2, 2, shown=(3, 1, 2)))) == [(3, 0, 2), (1, 1, 2), (2, 1, 2)]


def test_length_is_a_habit_only_where_others_do_not_see_it_so() -> None:
    """Lengths 30, 20, 10. Mine: longest first. The other: 30 best, then 10, then 20: they differ on one pair, in which
    I am for the longer one."""
    length = length_of(ranked(1, 1, 2, 3), [ranked(2, 1, 3, 2)], [30, 20, 10])
    assert (length.longer_wins, length.pairs) == (3, 3)
    assert (length.for_longer, length.for_shorter) == (1, 0)
    assert (length.same_longer, length.same_shorter) == (2, 0)


def test_discoveries_of_benjamini_and_hochberg() -> None:
    """Their own example (1995, 3.2): of fifteen p-values the four smallest are discoveries at 0.05."""
    chances = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
               0.7590, 1.0]  # fmt: skip
    assert discoveries(chances) == [True] * 4 + [False] * 11
    assert discoveries([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_discoveries_are_those_of_scipy(chances: list[float]) -> None:
    adjusted = stats.false_discovery_control(chances)
    ours = discoveries(chances)
    assert all(one == (value <= 0.05) for one, value in zip(ours, adjusted, strict=True) if abs(value - 0.05) > 1e-9)


def a_world(seed: int) -> list[RankedTask]:
    """LABELERS rank ITEMS shared items each, three to an item, by the quality that they see through noise of their own.
    Four do not: see their names. The copier hands in last, what the first one of the item had handed in."""
    chance = random.Random(seed)
    noise = [chance.uniform(0.5, 1.0) for _ in range(LABELERS)]
    left = [ITEMS] * LABELERS
    tasks = []
    for number in range(LABELERS * ITEMS // 3):
        group = sorted((one for one in range(LABELERS) if left[one]), key=lambda one: (-left[one], chance.random()))[:3]
        chance.shuffle(group)
        group.sort(key=COPIER.__eq__)
        quality = [chance.gauss(0, 1) for _ in range(K)]
        length = [0.4 * each + chance.gauss(0, 1) for each in quality]
        rankings: list[Ranked] = []
        for one in group:
            left[one] -= 1
            shown = list(range(1, K + 1))
            chance.shuffle(shown)
            seen = [each + chance.gauss(0, noise[one]) for each in quality]
            if one == SPAMMER:
                seen = [chance.gauss(0, 1) for _ in quality]
            elif one == BY_PLACE:
                seen = [value - 0.6 * place for value, place in zip(seen, shown, strict=True)]
            elif one == BY_LENGTH:
                seen = [value + each for value, each in zip(seen, length, strict=True)]
            order = sorted(range(K), key=lambda each: -seen[each])
            ranks = [order.index(each) + 1 for each in range(K)]
            if one == COPIER and rankings:
                ranks = list(rankings[0].ranks)
            rankings.append(Ranked(labeler=one, ranks=ranks, shown=shown, seconds=chance.lognormvariate(4, 0.5)))
        tasks.append(
            RankedTask(
                task=number,
                lengths=[int(300 * math.exp(each / 2)) for each in length],
                rankings=rankings,
                usual_seconds=55.0,
            )
        )
    return tasks


def test_the_four_who_are_planted_are_named_and_the_honest_are_not() -> None:
    worlds, honest = 8, 0
    named: Counter[tuple[int, Habit]] = Counter()
    for seed in range(worlds):
        habits = habits_of(a_world(seed))
        found = findings_of({who: each.estimates() for who, each in habits.items()})
        for who, findings in found.items():
            named.update((who, each.habit) for each in findings if each.is_outlier)
            honest += who > COPIER and any(each.is_outlier for each in findings)
    planted = ((SPAMMER, Habit.DISAGREES), (BY_PLACE, Habit.PLACE), (BY_LENGTH, Habit.LENGTH), (COPIER, Habit.COPIES))
    assert sum(named[each] for each in planted) >= 0.95 * 4 * worlds
    assert all(named[each] >= worlds - 1 for each in planted)
    assert honest <= 0.02 * worlds * (LABELERS - 4)


def test_nobody_is_judged_on_little_or_alone() -> None:
    bad = {Habit.DISAGREES: Estimate(value=0.1, error=0.01, tasks=19)}
    good = {Habit.DISAGREES: Estimate(value=0.7, error=0.01, tasks=500)}
    assert "new" not in findings_of({"new": bad, "old": good})
    assert findings_of({"old": good}) == {}
    assert habits_of([]) == {}
    assert habits_of([RankedTask(task=1, lengths=[1, 2], rankings=[ranked(1, 1, 2)])])[1].first_is_best_share() is None


def test_a_preference_that_is_all_length_is_nothing_at_equal_length() -> None:
    chance = random.Random(3)
    outcomes = []
    for _ in range(2000):
        mine, theirs = (int(100 * math.exp(chance.gauss(shift, 0.5))) for shift in (0.7, 0.0))
        wins = chance.random() < 1 / (1 + math.exp(-2 * math.log(mine / theirs)))
        outcomes.append((wins, mine, theirs))
    found = controlled(outcomes)
    assert found is not None
    assert found.plain > 0.7
    assert found.low < 0.5 < found.high
    assert found.length_effect == pytest.approx(2, abs=0.3)
    assert controlled(outcomes[:10]) is None
    assert controlled([(True, 2, 1)] * 40) is None


def test_the_sentinel_alarms_once_when_its_rate_moves() -> None:
    steady = [Period(name=str(week), preferred=70, pairs=100) for week in range(5)]
    moved = [Period(name=str(week), preferred=45, pairs=100) for week in range(5, 10)]
    assert [look.is_alarm for look in looks([*steady, *moved])] == [False] * 5 + [True] + [False] * 4
    few = looks([Period(name="1", preferred=FEWEST - 1, pairs=FEWEST - 1)])
    assert few[0].chance is None


def test_without_a_change_the_sentinel_alarms_about_once_in_a_hundred_periods() -> None:
    chance = random.Random(5)
    alarms = sum(
        look.is_alarm
        for _ in range(40)
        for look in looks(
            [Period(name="", preferred=sum(chance.random() < 0.7 for _ in range(60)), pairs=60) for _ in range(50)]
        )
    )
    assert 5 <= alarms <= 45


def test_a_near_copy_is_told_from_a_text_on_the_same_matter() -> None:
    model = "The sky is blue because molecules of the air scatter light of short waves more than light of long waves."
    assert near_copy_of(model.replace("because", "since"), ["Something else.", model]) is not None
    own = "Air scatters blue light far more strongly than red light, and the scattered light reaches us from all sides."
    assert near_copy_of(own, [model]) is None
    assert near_copy_of("Yes.", ["Yes."]) is None


def test_who_always_comes_last_is_no_copier_for_it() -> None:
    """Everybody ranks as everybody else half of the time; one always hands in after three others."""
    chance = random.Random(8)

    def said() -> tuple[int, ...]:
        return (1, 2, 3) if chance.random() < 0.7 else (2, 1, 3)

    tasks = []
    for number in range(120):
        group = [*chance.sample(range(6), 3), 9]
        tasks.append(RankedTask(task=number, lengths=[1, 2, 3], rankings=[ranked(one, *said()) for one in group]))
    found = findings_of({who: each.estimates() for who, each in habits_of(tasks).items()})
    assert not [each for each in found[9] if each.habit == Habit.COPIES and each.is_outlier]
