"""Agreement's statistics against published examples, other implementations, and what was planted."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from labeling.quality.agreement.rules.alpha import FEWEST_UNITS, coincidences_of, nominal_alpha, ordinal_alpha
from labeling.quality.agreement.rules.intervals import (
    FEWEST_PROMPTS,
    normal_of_student,
    share_of,
    student_quantile,
    wilson,
)
from labeling.quality.agreement.rules.pairs import compare
from labeling.quality.agreement.rules.ratings import RatingSums, rating_of
from labeling.quality.agreement.rules.ratios import Sums, pooled, share_of_sums

LEVELS: list[Literal["ordinal", "nominal"]] = ["ordinal", "nominal"]
RANKS = st.lists(st.integers(1, 6), min_size=2, max_size=9)

# Krippendorff (2011), section C: four observers, twelve units, with missing values.
KRIPPENDORFF_C = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


def counted(observers: Sequence[Sequence[object]], values: Sequence[object]) -> list[tuple[list[int], int]]:
    return [([unit.count(value) for value in values], 1) for unit in zip(*observers, strict=True)]


def repeated(examples: list[tuple[list[int], int]]) -> list[tuple[list[int], int]]:
    """As often as makes enough data: alpha hardly changes by it."""
    return [(values, times * 10_000) for values, times in examples]


def test_alpha_of_krippendorffs_example_c_is_0_743_nominal_and_0_815_ordinal() -> None:
    example = repeated(counted(KRIPPENDORFF_C, [1, 2, 3, 4, 5]))
    nominal, ordinal = nominal_alpha(example), ordinal_alpha(example)
    assert nominal is not None
    assert ordinal is not None
    # Many repetitions take away the term of small samples, 40 values: 1 − α shrinks by 39/40.
    assert 1 - (1 - nominal.value) * 39 / 40 == pytest.approx(0.743, abs=0.001)
    assert 1 - (1 - ordinal.value) * 39 / 40 == pytest.approx(0.815, abs=0.001)


def test_coincidences_of_krippendorffs_example_a() -> None:
    """Section A: ten documents, two observers, binary; o01 = 4, o00 = 10, o11 = 2."""
    meg, owen = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert coincidences_of(counted([meg, owen], [0, 1])).tolist() == [[10, 4], [4, 2]]


@given(
    st.lists(st.lists(st.integers(0, 6), min_size=7, max_size=7), min_size=FEWEST_UNITS, max_size=60),
    st.sampled_from(LEVELS),
)
def test_alpha_is_that_of_the_package_krippendorff(
    counts: list[list[int]], level: Literal["ordinal", "nominal"]
) -> None:
    pairable = [each for each in counts if sum(each) > 1]
    assume(len(pairable) >= FEWEST_UNITS)
    assume(sum(any(column) for column in zip(*pairable, strict=True)) > 1)
    ours = (ordinal_alpha if level == "ordinal" else nominal_alpha)([(each, 1) for each in counts])
    assert ours is not None
    theirs = krippendorff.alpha(value_counts=np.array(counts), level_of_measurement=level)
    assert ours.value == pytest.approx(theirs)


def test_alpha_of_little_or_of_one_value_is_not_said() -> None:
    assert ordinal_alpha([]) is None
    assert ordinal_alpha([([2, 0], FEWEST_UNITS - 1)]) is None
    assert nominal_alpha([([2, 0], FEWEST_UNITS)]) is None


@given(RANKS, st.randoms())
def test_tau_b_is_that_of_scipy(mine: list[int], random: object) -> None:
    theirs = list(mine)
    random.shuffle(theirs)  # type: ignore[attr-defined]
    counts = compare(dict(enumerate(mine)), dict(enumerate(theirs)))
    tau = counts.tau_b()
    if len(set(mine)) == 1:
        assert tau is None
    else:
        assert tau == pytest.approx(stats.kendalltau(mine, theirs).statistic)


def test_tau_b_of_a_published_example() -> None:
    """The one in SciPy's documentation. Of ten pairs, two are tied in the first (one of them in both) and one in the
    second; two are ordered alike and six are not: −4 / √(8 · 9) = −0.4714."""
    first, second = [12, 2, 1, 12, 2], [1, 4, 7, 1, 0]
    counts = compare(dict(enumerate(first)), dict(enumerate(second)))
    assert (counts.same, counts.opposed, counts.tied_by_first, counts.tied_by_both) == (2, 6, 1, 1)
    assert counts.tau_b() == pytest.approx(-0.47140452)


@given(RANKS, st.data())
def test_every_pair_is_counted_once(mine: list[int], data: st.DataObject) -> None:
    theirs = data.draw(st.lists(st.integers(1, 6), min_size=len(mine), max_size=len(mine)))
    counts = compare(dict(enumerate(mine)), dict(enumerate(theirs)))
    back = compare(dict(enumerate(theirs)), dict(enumerate(mine)))
    assert counts.pairs == len(mine) * (len(mine) - 1) // 2
    assert (counts.same, counts.opposed) == (back.same, back.opposed)
    assert (counts.tied_by_first, counts.tied_by_second) == (back.tied_by_second, back.tied_by_first)


def test_of_two_strengths_the_weaker_counts_and_steps_add_up() -> None:
    """Both order 1 < 2 < 3. The first: steps 3 and 2, so 1 to 3 is 4 (of 5); the second: steps 1 and 2."""
    ranks = {1: 1, 2: 2, 3: 3}
    counts = compare(ranks, ranks, first_strengths=[3, 2], second_strengths=[1, 2])
    assert counts.same_by_strength == [1, 1, 1, 0]
    assert compare(ranks, ranks, first_strengths=[3, 2]).same_by_strength == [0, 0, 0, 0]


def test_a_share_of_few_pairs_or_few_prompts_is_not_said_and_never_0_or_1() -> None:
    assert share_of([]) is None
    assert share_of([(0, 0, 50)]) is None
    assert share_of([(6, 6, FEWEST_PROMPTS - 1)]) is None
    assert share_of([(1, 1, FEWEST_PROMPTS)]) is None
    assert share_of_sums(Sums()) is None


def test_prompts_that_are_all_alike_have_an_interval_all_the_same() -> None:
    share = share_of([(6, 6, 40)])
    assert share is not None
    assert share.value == 1
    assert share.low == pytest.approx(wilson(1.0, 40)[0])
    assert share.low < 0.95


def _prompts(random: np.random.Generator, share: float, prompts: int) -> list[tuple[int, int]]:
    """(same, pairs) of prompts some of which are easier than others."""
    ease = random.beta(4 * share, 4 * (1 - share), size=prompts)
    pairs = random.integers(3, 7, size=prompts)
    return list(zip(random.binomial(pairs, ease).tolist(), pairs.tolist(), strict=True))


def _sums(prompts: list[tuple[int, int]]) -> Sums:
    sums = Sums()
    for same, pairs in prompts:
        sums.add(same, pairs)
    return sums


def test_intervals_hold_the_planted_share_95_times_in_a_hundred() -> None:
    random, planted, worlds = np.random.default_rng(11), 0.726, 300
    held = Counter[str]()
    for _ in range(worlds):
        prompts = _prompts(random, planted, 60)
        drawn = share_of([(same, pairs, times) for (same, pairs), times in Counter(prompts).items()], samples=400)
        summed = share_of_sums(_sums(prompts))
        assert drawn is not None
        assert summed is not None
        held["drawn"] += drawn.low <= planted <= drawn.high
        held["summed"] += summed.low <= planted <= summed.high
    assert 0.92 <= held["drawn"] / worlds <= 0.98
    assert 0.92 <= held["summed"] / worlds <= 0.98


def test_shares_drawn_towards_all_are_nearer_to_the_truth_and_keep_their_95_percent() -> None:
    random = np.random.default_rng(12)
    people = held = 0
    off_pooled = off_plain = 0.0
    for _ in range(20):
        planted = random.beta(0.72 * 60, 0.28 * 60, size=40)
        sums = [_sums(_prompts(random, share, int(random.integers(3, 60)))) for share in planted]
        found = pooled(dict(enumerate(sums)))
        for number, share in enumerate(planted):
            people += 1
            held += found[number].low <= share <= found[number].high
            off_pooled += (found[number].value - share) ** 2
            off_plain += (sums[number].share - share) ** 2
    assert off_pooled < off_plain / 2
    assert 0.92 <= held / people <= 0.98


def test_few_people_of_whom_some_stand_apart_keep_their_95_percent() -> None:
    """The same twelve people in many worlds, as in the benchmark: three are drawn towards the average in each, and
    how far people differ is known from twelve."""
    random, planted, worlds = np.random.default_rng(13), [0.66] * 3 + [0.75] * 9, 100
    held = narrower = 0
    for _ in range(worlds):
        sums = [_sums(_prompts(random, share, 120)) for share in planted]
        found = pooled(dict(enumerate(sums)))
        for number, share in enumerate(planted):
            held += found[number].low <= share <= found[number].high
            own = share_of_sums(sums[number])
            assert own is not None
            narrower += found[number].high - found[number].low < own.high - own.low
    assert 0.94 <= held / worlds / len(planted) <= 0.97
    assert narrower / worlds / len(planted) > 0.8


def test_of_three_people_each_keeps_their_own_share() -> None:
    three = {name: _sums([(5, 6)] * 20 + [(2, 6)] * number) for number, name in enumerate("abc", 5)}
    found = pooled({**three, "new": _sums([(6, 6)])})
    assert [found[name].value for name in "abc"] == pytest.approx([three[name].share for name in "abc"])
    assert found["new"].high == 1


def test_who_has_ranked_little_stands_near_all_the_others() -> None:
    others = {
        name: _sums([(5, 6)] * 20 + [(4, 6)] * 20 + [(2, 6)] * (number + 1)) for number, name in enumerate("abcdef")
    }
    found = pooled({**others, "new": _sums([(0, 6)])})
    assert found["new"].value > 0.5
    assert found["new"].high - found["new"].low > found["a"].high - found["a"].low
    assert pooled({"alone": others["a"]}) == {}


@given(st.floats(-4, 4), st.integers(9, 500))
def test_students_quantile_is_that_of_scipy(z: float, freedom: int) -> None:
    exact = stats.t.ppf(stats.norm.cdf(z), freedom)
    assert student_quantile(z, freedom) == pytest.approx(exact, rel=0.02, abs=0.005)
    assert normal_of_student(student_quantile(z, freedom), freedom) == pytest.approx(z)


def test_severity_is_how_much_lower_one_rates_and_spread_how_far_apart() -> None:
    """Own: half 1, half 3. Theirs: half 3, half 7. Mean 2 against 5; deviation 1 against 2."""
    sums = RatingSums(rated=40, own=80, own_squares=20 * (1 + 9), theirs=200, theirs_squares=20 * (9 + 49))
    rating = rating_of(sums)
    assert rating is not None
    assert rating.severity == pytest.approx(3)
    assert rating.spread == pytest.approx(0.5)
    assert rating_of(RatingSums(rated=29)) is None
