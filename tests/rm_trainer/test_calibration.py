"""Calibration, worked by hand first."""

from math import log

import numpy as np
import pytest

from rm_trainer.evaluation.calibration import calibration, temperature
from tests.rm_trainer.outcomes import pairs_with


def test_a_model_that_is_as_often_right_as_it_says_is_calibrated() -> None:
    """Margin log 3 says 75%: 3 of 4 right is an error of 0, and 1 of 2 right one of 0.25."""
    perfect = calibration(pairs_with([log(3)] * 3 + [-log(3)]))
    assert perfect["ece"] == pytest.approx(0)
    assert perfect["temperature"] == pytest.approx(1, rel=0.02)
    (row,) = perfect["bins"]
    assert (row["pairs"], row["accuracy"]) == (4, 0.75)
    assert row["probability"] == pytest.approx(0.75)
    assert calibration(pairs_with([log(3), -log(3)]))["ece"] == pytest.approx(0.25)


def test_a_model_that_is_twice_too_sure_has_temperature_two() -> None:
    """Margins of 2 log 3 where 3 of 4 are right: halved they are log 3, which is 75%."""
    assert temperature(pairs_with([2 * log(3)] * 3 + [-2 * log(3)]))[0] == pytest.approx(2, rel=0.02)


def test_the_intervals_are_of_the_width_that_so_many_prompts_allow() -> None:
    """400 prompts with a pair each, three quarters right where the model says 75%: the bin's standard error is
    √(0.75 · 0.25 / 400) = 0.022. The temperature of 1 lies inside its interval, and 2 doesn't.
    """
    made = calibration(pairs_with([log(3) if number % 4 else -log(3) for number in range(400)]), samples=1000)
    assert made["bins"][0]["accuracy_interval"] == pytest.approx([0.707, 0.793], abs=0.01)
    assert made["temperature_interval"] is not None
    low, high = made["temperature_interval"]
    assert low < 1 < high < 2
    assert made["ece_interval"] is not None
    assert 0 <= made["ece_interval"][0] <= made["ece_interval"][1] < 0.06


def test_a_model_without_an_opinion_is_half_right_at_one_half() -> None:
    made = calibration(pairs_with([0.0, 0.0]))
    assert made["ece"] == 0
    assert made["bins"][0]["probability"] == 0.5


def test_huge_margins_stay_numbers() -> None:
    made = calibration(pairs_with([5000.0, -5000.0]))
    assert np.isfinite(made["ece"])
    assert made["bins"][0]["probability"] == 1
