"""The statistics of evaluations: against published numbers, closed forms, and simulated people of planted taste."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from labeling.base.states import Verdict
from labeling.evaluations.rules.estimates import length_controlled, mean_of
from labeling.evaluations.rules.gate import decide
from labeling.evaluations.rules.planning import Rule, gain_found_by, power_of, prompts_for_one_look, prompts_needed
from labeling.evaluations.rules.sequential import bounds_of, log_money
from labeling.evaluations.rules.strength import ELO, bradley_terry, strengths_of

TEN_POINTS = Rule(margin=0.0, confidence=0.95, gain=0.1, power=0.8)
FIVE_WORSE = Rule(margin=0.05, confidence=0.95, gain=0.05, power=0.8)
STUDIES = 2000


def judged(rate: float, *, ties: float = 0.0, prompts: int, seed: int = 1) -> NDArray[np.float64]:
    """STUDIES evaluations of so many prompts: each a win, a loss, or a tie; half of the ties count."""
    draw = np.random.default_rng(seed).random((STUDIES, prompts))
    scores = np.where(draw < rate - ties / 2, 1.0, 0.0)
    return np.where(draw > 1 - ties, 0.5, scores)


# --- looking at any time -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ties", [0.0, 0.4])
def test_whoever_looks_after_every_prompt_is_wrong_no_more_often_than_was_said(ties: float) -> None:
    """No difference in truth, 262 looks: at most 5% ever pass."""
    scores = judged(0.5, ties=ties, prompts=prompts_needed(TEN_POINTS))
    money = log_money(scores, null=TEN_POINTS.null, difference=TEN_POINTS.difference)
    ever = (money.max(axis=1) >= math.log(1 / 0.05)).mean()
    assert 0.005 < ever < 0.05


def test_the_usual_interval_is_wrong_five_times_as_often_for_whoever_looks_after_every_prompt() -> None:
    scores = judged(0.5, prompts=prompts_needed(TEN_POINTS))
    count = np.arange(1, scores.shape[1] + 1)
    lower = np.cumsum(scores, axis=1) / count - 1.645 * 0.5 / np.sqrt(count)
    assert (lower[:, 20:] > 0.5).any(axis=1).mean() > 0.2


def test_a_candidate_as_good_as_planned_passes_as_often_as_planned_and_mostly_sooner() -> None:
    size = prompts_needed(TEN_POINTS)
    money = log_money(judged(0.6, prompts=size), null=0.5, difference=0.1)
    passed = money >= math.log(1 / 0.05)
    assert 0.78 < passed.any(axis=1).mean() < 0.88
    stopped = np.where(passed.any(axis=1), passed.argmax(axis=1) + 1, size)
    assert stopped.mean() < prompts_for_one_look(TEN_POINTS)


def test_bounds_hold_the_truth_and_close_in_on_it() -> None:
    wide, narrow = (bounds_of([1, 1, 0, 1, 0] * times, confidence=0.95) for times in (8, 80))
    assert wide.low < narrow.low < 0.6 < narrow.high < wide.high
    assert narrow.high - narrow.low < 0.15


def test_bounds_are_those_of_the_money_and_know_no_order() -> None:
    scores = [1.0, 0.5, 0.0, 1.0, 1.0, 0.75] * 12
    bounds = bounds_of(scores, confidence=0.9, difference=0.1)
    assert bounds == bounds_of(sorted(scores), confidence=0.9, difference=0.1)
    at, above = (
        log_money(np.array(scores), null=null, difference=0.1)[-1] for null in (bounds.low, bounds.low + 0.001)
    )
    assert at >= math.log(10) > above


@pytest.mark.parametrize("scores", [[], [1.0]])
def test_of_next_to_nothing_nothing_is_known(scores: list[float]) -> None:
    bounds = bounds_of(scores, confidence=0.95, difference=0.1)
    assert bounds.low < 0.1
    assert bounds.high > 0.9


# --- planning -------------------------------------------------------------------------------------------------------


def test_one_look_takes_what_the_textbook_says() -> None:
    """(1.645 + 0.842)² · 0.25 / 0.1² = 154.6."""
    assert prompts_for_one_look(TEN_POINTS) == 155


def test_looking_all_the_time_costs_so_much_more() -> None:
    needed = prompts_needed(TEN_POINTS)
    assert power_of(TEN_POINTS, needed - 1) < 0.8 <= power_of(TEN_POINTS, needed)
    assert needed == 262
    assert prompts_needed(FIVE_WORSE) == 262  # as far from 45% to 55% as from 50% to 60%


def test_what_fewer_prompts_find_is_found_by_as_many_as_are_needed_for_it() -> None:
    assert gain_found_by(TEN_POINTS, 262) == pytest.approx(0.1, abs=0.001)
    assert gain_found_by(TEN_POINTS, 65) == pytest.approx(0.2, abs=0.01)
    assert power_of(TEN_POINTS, 0) == 0


# --- the decision ---------------------------------------------------------------------------------------------------


def test_a_clear_winner_passes_before_all_is_judged_and_a_clear_loser_fails() -> None:
    assert decide([1.0] * 30, TEN_POINTS, complete=False)["verdict"] == Verdict.PASSED
    assert decide([0.0] * 30, TEN_POINTS, complete=False)["verdict"] == Verdict.FAILED


def test_all_ties_are_not_better_and_with_enough_of_them_not_worse() -> None:
    ties = [0.5] * 300
    assert decide(ties, TEN_POINTS, complete=False)["verdict"] == ""
    assert decide(ties, TEN_POINTS, complete=True)["verdict"] == Verdict.UNDECIDED
    not_worse = decide(ties, FIVE_WORSE, complete=False)
    assert not_worse["verdict"] == Verdict.PASSED
    assert not_worse["low"] >= not_worse["needed"] == 0.45
    assert not_worse["ties"] == 300


def test_one_prompt_decides_nothing() -> None:
    assert decide([1.0], TEN_POINTS, complete=True)["verdict"] == Verdict.UNDECIDED
    nothing = decide([], TEN_POINTS, complete=False)
    assert (nothing["verdict"], nothing["win_rate"], nothing["prompts"]) == ("", None, 0)


# --- means and lengths ----------------------------------------------------------------------------------------------


def test_a_mean_has_an_interval_over_prompts_that_holds_the_truth_as_often_as_it_says() -> None:
    samples = judged(0.6, ties=0.2, prompts=60)[:300]
    found = [mean_of(list(scores), samples=300) for scores in samples]
    assert 0.92 < np.mean([each is not None and each.low <= 0.6 <= each.high for each in found]) <= 0.98


def test_nothing_is_said_of_few_prompts_and_never_that_something_is_certain() -> None:
    assert mean_of([1.0] * 9) is None
    all_won = mean_of([1.0] * 20)
    assert all_won is not None
    assert all_won.low == pytest.approx(0.839, abs=0.001)  # Wilson's, of 20 of 20
    best = mean_of([7.0] * 20, lowest=1, highest=7)
    assert best is not None
    assert 5.5 < best.low < best.value == best.high == 7


def test_a_preference_for_length_alone_is_gone_at_equal_lengths() -> None:
    """Whoever answers at greater length is preferred at odds of e²; the candidate answers at greater length."""
    random = np.random.default_rng(3)
    longer = random.normal(60, 80, 4000)
    squashed = np.tanh(longer / longer.std())
    won = (random.random(4000) < 1 / (1 + np.exp(-2 * squashed))).astype(float)
    plain, controlled = mean_of(list(won)), length_controlled(list(won), list(longer))
    assert plain is not None
    assert controlled is not None
    assert plain.low > 0.6
    assert controlled.low < 0.5 < controlled.high
    assert controlled.high - controlled.low < 0.05


def test_a_better_answer_stays_better_at_equal_lengths() -> None:
    random = np.random.default_rng(4)
    longer = random.normal(0, 80, 4000)
    won = (random.random(4000) < 1 / (1 + np.exp(-0.85 - np.tanh(longer / longer.std())))).astype(float)
    controlled = length_controlled(list(won), list(longer))
    assert controlled is not None
    assert controlled.low < 1 / (1 + math.exp(-0.85)) < controlled.high


@pytest.mark.parametrize(
    ("scores", "longer"),
    [
        ([1.0, 0.0] * 4, [5.0, 3.0] * 4),
        ([1.0] * 20, [5.0, 3.0] * 10),
        ([1.0, 0.0] * 10, [5.0] * 20),
        ([1.0, 0.0] * 10, [9.0, -9.0] * 10),
    ],
    ids=["few", "always won", "as long each time", "lengths tell all"],
)
def test_where_lengths_can_not_be_taken_out_nothing_is_said(scores: list[float], longer: list[float]) -> None:
    assert length_controlled(scores, longer) is None


# --- one scale ------------------------------------------------------------------------------------------------------

BASEBALL = np.array(
    [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ],
    dtype=float,
)
"""The American League's eastern division of 1987: who won how often against whom."""


def test_the_strengths_of_the_baseball_teams_are_those_that_were_published() -> None:
    """Agresti (2002), Categorical Data Analysis, section 10.6: Milwaukee 1.58, Detroit 1.44, Toronto 1.29, New York
    1.25, Boston 1.11, Cleveland 0.68, against Baltimore.
    """
    strengths = bradley_terry(BASEBALL)
    published = [1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0.0]
    assert strengths - strengths[-1] == pytest.approx(published, abs=0.005)
    assert strengths.mean() == pytest.approx(0, abs=1e-6)


def test_planted_strengths_are_found_with_intervals_that_hold_them() -> None:
    planted = np.array([200.0, 0.0, -100.0, 60.0])
    chance = 1 / (1 + np.exp(-(planted[:, None] - planted[None, :]) / ELO))
    random = np.random.default_rng(5)
    upper = np.triu(random.random((600, 4, 4)) < chance, 1).astype(float)
    by_prompt = upper + np.swapaxes(np.triu(1 - upper, 1), 1, 2)
    found = strengths_of(by_prompt, beside=1)
    assert found is not None
    assert found[1].points == found[1].low == found[1].high == 0
    for strength, truth in zip(found, planted, strict=True):
        assert strength.low <= truth <= strength.high
        assert strength.high - strength.low < 80


def test_a_model_that_wins_every_time_has_a_strength_all_the_same() -> None:
    by_prompt = np.zeros((20, 3, 3))
    by_prompt[:, 0, 1] = by_prompt[:, 0, 2] = 1
    by_prompt[:, 1, 2] = by_prompt[:, 2, 1] = 0.5
    found = strengths_of(by_prompt, beside=1)
    assert found is not None
    assert 200 < found[0].points < 1200
    assert found[2].points == pytest.approx(0, abs=0.1)
    assert strengths_of(by_prompt[:9], beside=1) is None
