"""Simulated labelers without a database: they follow their rule, and do what they are planted with."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.quality.bias.rules.near_copies import near_copy_of
from labeling.simulation.rules.behaviours import KINDS, Behaviour, UnknownKind, misled_by, planted_from
from labeling.simulation.rules.preferences import UnknownRule, mislead, rule_named
from labeling.simulation.rules.ranking import Page, hand_in, noise_scale, quality_of, ranks_of, standardised
from labeling.simulation.rules.writing import answer_of, near_copy, own_answer

PAGES = 2000


def page_of(*texts: str, rule: str = "shorter") -> Page:
    score = rule_named(rule)
    return Page([score(text) for text in texts], [len(text) for text in texts])


def ranks_on(page: Page, behaviour: Behaviour | None = None, *, seed: int = 0) -> list[int]:
    return hand_in(page, behaviour or Behaviour(), chance=random.Random(seed)).ranks


def drawn_pages(*, k: int = 4, seed: int = 0) -> list[Page]:
    chance = random.Random(seed)
    return [
        Page([chance.gauss(0, 1) for _ in range(k)], [round(300 * 2 ** chance.gauss(0, 0.5)) for _ in range(k)])
        for _ in range(PAGES)
    ]


def share(outcomes: Sequence[bool]) -> float:
    return fmean(outcomes)


def test_they_follow_the_rule_without_noise_and_differ_with_it() -> None:
    texts = ["ccc", "a", "bb", "b"]
    assert ranks_on(page_of(*texts)) == [3, 1, 2, 1]
    assert ranks_on(page_of(*texts, rule="longer")) == [1, 3, 2, 3]
    assert ranks_on(page_of(*texts, rule="contains:C")) == [1, 2, 2, 2]
    noisy = [ranks_on(page_of(*texts), Behaviour(noise=0.5), seed=seed) for seed in range(50)]
    assert [3, 1, 2, 1] in noisy
    assert len({tuple(found) for found in noisy}) > 1


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.floats(0, 0.5), st.integers())
def test_noise_leaves_no_gap_and_parts_nothing_that_the_rule_ties(lengths: list[int], noise: float, seed: int) -> None:
    found = ranks_on(page_of(*("x" * length for length in lengths)), Behaviour(noise=noise), seed=seed)
    assert set(found) == set(range(1, len(set(lengths)) + 1))
    assert len(set(zip(lengths, found, strict=True))) == len(set(lengths))


def test_an_unknown_rule_names_the_known_ones() -> None:
    with pytest.raises(UnknownRule, match="shorter"):
        rule_named("nicer")


def test_quality_falls_from_7_to_1_and_leniency_adds_to_it() -> None:
    assert [quality_of(rank, worst=4) for rank in (1, 2, 3, 4)] == [7, 5, 3, 1]
    assert quality_of(1, worst=1) == 7
    page = page_of("a", "bb", "ccc", "dddd")
    lenient, strict, half = (
        hand_in(page, Behaviour(leniency=points), chance=random.Random(3)).qualities for points in (2, -2, 0.5)
    )
    assert (lenient, strict) == ([7, 7, 5, 3], [5, 3, 1, 1])
    assert half in ([7, 5, 3, 1], [7, 6, 4, 2])


@pytest.mark.parametrize("noise", [0.1, 0.3, 0.45])
def test_neighbours_swap_with_the_planted_noise(noise: float) -> None:
    """Four steps of the same size: each two neighbours are seen the wrong way round in the planted share of pages."""
    page = page_of("a", "bb", "ccc", "dddd")
    found = [ranks_on(page, Behaviour(noise=noise), seed=seed) for seed in range(PAGES)]
    swapped = [ranks[place] > ranks[place + 1] for ranks in found for place in range(3)]
    assert share(swapped) == pytest.approx(noise, abs=4 * math.sqrt(noise * (1 - noise) / len(swapped)))


def test_preferences_are_those_of_bradley_and_terry_with_the_habits_added() -> None:
    """The planted position and length move the log-odds of a pair by themselves over the scale of the noise."""
    behaviour = Behaviour(noise=0.3, position=0.8, length=0.5)
    expected, found = [], []
    for number, page in enumerate(drawn_pages()):
        ranks = ranks_on(page, behaviour, seed=number)
        scale, long = noise_scale(page.true_worths, 0.3), standardised([math.log(each) for each in page.lengths])
        for a, b in combinations(range(4), 2):
            difference = page.true_worths[a] - page.true_worths[b] + 0.8 * (b - a) / 3 + 0.5 * (long[a] - long[b])
            expected.append(1 / (1 + math.exp(-difference / scale)))
            found.append(ranks[a] < ranks[b])
    assert share(found) == pytest.approx(fmean(expected), abs=0.015)


def test_seen_differences_that_are_small_are_ties() -> None:
    assert ranks_of([3.0, 2.8, 1.0, 1.15], ties_within=0.25) == [1, 1, 2, 2]
    assert ranks_of([3.0, 2.9, 2.8, 1.0], ties_within=0.15) == [1, 1, 1, 2]
    assert ranks_of([3.0, 2.9, 2.8, 1.0]) == [1, 2, 3, 4]


def test_attention_goes_with_fatigue_and_all_of_it_is_noise_at_the_end() -> None:
    tired = Behaviour(noise=0.1, fatigue=0.8)
    assert tired.noise_after(0) == pytest.approx(0.1)
    assert tired.noise_after(100) == pytest.approx(0.5 - 0.4 * 0.2)
    assert tired.noise_after(10_000) == pytest.approx(0.5)
    assert Behaviour(noise=0.1).noise_after(500) == pytest.approx(0.1)


def test_a_spammer_answers_in_any_order_and_at_once() -> None:
    page = Page([1.0, 2.0, 3.0, 4.0], [800] * 4)
    found = [hand_in(page, Behaviour(spam=1.0), chance=random.Random(seed)) for seed in range(PAGES)]
    assert share([one.ranks[3] == 1 for one in found]) == pytest.approx(0.25, abs=0.04)
    assert max(one.seconds for one in found) < 10 < hand_in(page, Behaviour(), chance=random.Random(0)).seconds


def test_a_copier_hands_in_what_was_handed_in_where_there_is_something() -> None:
    page, copier = page_of("a", "bb", "ccc", "dddd"), Behaviour(copying=1.0)
    assert hand_in(page, copier, chance=random.Random(0), earlier=[4, 1, 3, 2]).ranks == [4, 1, 3, 2]
    assert hand_in(page, copier, chance=random.Random(0)).ranks == [1, 2, 3, 4]
    often = replace(copier, copying=0.7)
    found = [hand_in(page, often, chance=random.Random(n), earlier=[4, 1, 3, 2]).ranks for n in range(PAGES)]
    assert share([ranks == [4, 1, 3, 2] for ranks in found]) == pytest.approx(0.7, abs=0.05)


def test_who_sees_the_truth_is_not_misled_with_the_others() -> None:
    texts, worths = ["a", "bb", "ccc", "dddd"], [4.0, 3.0, 2.0, 1.0]
    seems = mislead(worths, texts, by=3.0)
    page = Page(worths, [len(text) for text in texts], seems)
    assert mislead(worths, texts, by=3.0) == seems  # everybody is misled alike
    assert ranks_on(page, Behaviour(sees_truth=True)) == [1, 2, 3, 4]
    assert ranks_on(page) == ranks_of(seems) != [1, 2, 3, 4]


def test_a_copied_answer_is_a_near_copy_and_an_own_one_is_none() -> None:
    chance = random.Random(5)
    known = [own_answer("How does tea keep its taste in a tin?", chance=chance) for _ in range(4)]
    copied = [answer_of("How is tea kept?", known, copying=1.0, chance=chance) for _ in range(20)]
    assert all(near_copy_of(text, known) is not None and text not in known for text in copied)
    own = [answer_of("How is tea kept?", known, copying=0.0, chance=chance) for _ in range(50)]
    assert all(near_copy_of(text, known) is None for text in own)
    assert answer_of("How is tea kept?", [], copying=1.0, chance=chance)
    assert near_copy("茶", chance=chance) == "茶"


def test_kinds_are_planted_by_name_and_strength() -> None:
    usual = Behaviour(noise=0.2)
    assert planted_from("position").behaviour(usual) == Behaviour(noise=0.2, position=1.5)
    assert planted_from("length=-0.5").behaviour(usual) == Behaviour(noise=0.2, length=-0.5)
    assert planted_from("careless=0.45").behaviour(usual) == Behaviour(noise=0.45)
    assert misled_by([planted_from("spammer"), planted_from("right=2")]) == 2
    assert misled_by([planted_from("spammer")]) == 0
    changed = {name for name in KINDS if planted_from(name).behaviour(usual) != usual}
    assert changed == set(KINDS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("liar", "Known kinds are careless"),
        ("spammer=2", "a number from 0 to 1"),
        ("length=much", "a number from -10 to 10"),
        ("copier=nan", "a number from 0 to 1"),
    ],
)
def test_what_cannot_be_planted_is_refused(text: str, said: str) -> None:
    with pytest.raises(UnknownKind, match=said):
        planted_from(text)
