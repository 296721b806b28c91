"""The best-of-n curve, worked by hand and counted over all subsets."""

from itertools import combinations
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rm_trainer.evaluation.best_of_n import best_of_n, expected, picked
from tests.rm_trainer.outcomes import outcome


def test_the_chances_of_three_by_hand() -> None:
    assert picked(3).tolist() == [pytest.approx([1 / 3] * 3), pytest.approx([2 / 3, 1 / 3, 0]), [1, 0, 0]]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=2, max_size=6))
def test_the_expected_worth_is_the_mean_over_all_subsets(rows: list[tuple[int, int]]) -> None:
    """Rewards from few values, so that many are equal: then the pick is any of the equal best."""
    rewards, worth = np.array(rows, dtype=float).T
    for n, value in enumerate(expected(rewards, worth), 1):
        picks = []
        for subset in combinations(range(len(rows)), n):
            best = max(rewards[list(subset)])
            picks.append(np.mean([worth[one] for one in subset if rewards[one] == best]))
        assert value == pytest.approx(np.mean(picks))


def test_a_perfect_model_a_blind_one_and_one_turned_round() -> None:
    """Three completions with win rates 1, ½, 0. Perfect: ½, (2/3 · 1 + 1/3 · ½) = 5/6, 1. Turned round: ½, 1/6, 0."""
    for rewards, rates in (((3, 2, 1), (1 / 2, 5 / 6, 1)), ((1, 1, 1), (1 / 2,) * 3), ((1, 2, 3), (1 / 2, 1 / 6, 0))):
        rows = best_of_n([outcome(1, rewards)])
        assert [row["win_rate"] for row in rows] == pytest.approx(rates)
        assert [row["labelers_win_rate"] for row in rows] == pytest.approx((1 / 2, 5 / 6, 1))
        assert [row["kl"] for row in rows] == pytest.approx([0, log(2) - 1 / 2, log(3) - 2 / 3])


def test_a_row_has_the_rankings_that_are_large_enough_and_the_ratings_that_are_there() -> None:
    rows = best_of_n([outcome(1, (2, 1), qualities=(7, 1)), outcome(2, (4, 3, 2, 1), qualities=(6, None, 2, 1))])
    assert [row["rankings"] for row in rows] == [2, 2, 1, 1]
    assert [row["quality"] for row in rows] == [4, 7, None, None]


def test_what_a_labeler_wrote_is_no_sample_of_the_policy() -> None:
    """Without the edited one, which is on top for labeler and model, two are left, and the model has them wrong."""
    edited = outcome(1, (9.0, 1.0, 2.0), completion_ids=(-5, 11, 12))
    assert [row["win_rate"] for row in best_of_n([edited])] == [0.5, 0.0]
    assert best_of_n([outcome(1, (9.0, 1.0), completion_ids=(-5, 11))]) == []


def test_the_interval_is_that_of_the_prompts() -> None:
    """Of 100 pairs half are picked right: 0.5 with a standard error of 0.05."""
    rows = best_of_n([outcome(number, (2, 1) if number % 2 else (1, 2)) for number in range(100)], samples=2000)
    assert rows[1]["win_rate_interval"] == pytest.approx([0.4, 0.6], abs=0.02)
    assert rows[0]["win_rate_interval"] is None  # the pick of one is a half, always
