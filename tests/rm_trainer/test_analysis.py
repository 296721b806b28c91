"""Calibration, length and paired comparisons, worked by hand first."""

from math import log

import numpy as np
import pytest

from rm_trainer.analysis import analyse, calibration, comparisons_of, temperature
from rm_trainer.metrics import Outcome


def outcome(number: int, rewards: tuple[float, ...], tokens: tuple[int, ...], use_case: str = "") -> Outcome:
    """The first completion is the best one, the others follow in order."""
    count = len(rewards)
    pairs = count * (count - 1) // 2
    correct = sum(rewards[i] > rewards[j] for i in range(count) for j in range(i + 1, count))
    return Outcome(
        ranking_id=number, prompt_id=number, completion_ids=tuple(range(count)), rewards=rewards, pairs=pairs,
        correct=correct, log_loss=1.0, ranks=tuple(range(1, count + 1)), tokens=tokens, use_case=use_case,
    )  # fmt: skip


def test_comparisons_by_hand() -> None:
    rows = comparisons_of(outcome(1, (3.0, 1.0, 2.0), (5, 9, 7)))
    assert rows.tolist() == [[2, 5, 9], [1, 5, 7], [-1, 9, 7]]


def test_a_model_that_is_as_often_right_as_it_says_is_calibrated() -> None:
    """Margin log 3 says 75%: 3 of 4 right is an error of 0, and 1 of 2 right one of 0.25."""
    perfect = np.array([log(3)] * 3 + [-log(3)])
    assert calibration(perfect)["ece"] == pytest.approx(0)
    assert temperature(perfect) == pytest.approx(1, rel=0.02)
    assert calibration(perfect)["bins"] == [{"pairs": 4, "probability": pytest.approx(0.75), "accuracy": 0.75}]
    assert calibration(np.array([log(3), -log(3)]))["ece"] == pytest.approx(0.25)


def test_a_model_that_is_twice_too_sure_has_temperature_two() -> None:
    """Margins of 2 log 3 where 3 of 4 are right: halved they are log 3, which is 75%."""
    assert temperature(np.array([2 * log(3)] * 3 + [-2 * log(3)])) == pytest.approx(2, rel=0.02)


def test_a_model_that_follows_length_is_seen_through() -> None:
    """Rewards equal tokens. The shorter one won two pairs (5 < 9, 5 < 7) and both are wrong; of the three pairs
    "longer is better" is right in one (9 > 7).
    """
    analysis = analyse([outcome(1, (5.0, 9.0, 7.0), (5, 9, 7), use_case="chat")])
    assert analysis["length"]["correlation"] == pytest.approx(1)
    assert analysis["length"]["shorter_won_accuracy"] == 0
    assert analysis["length"]["longer_is_better_accuracy"] == pytest.approx(1 / 3)
    assert analysis["parts"]["use_case"].keys() == {"chat"}
    assert analysis["parts"]["completions"]["3"]["pair_accuracy"] == pytest.approx(1 / 3)
