"""An analysis as a whole, and paired comparisons, worked by hand first."""

import json

import pytest

from rm_trainer.analysis import analyse
from rm_trainer.comparisons import comparisons_of
from rm_trainer.errors import Refused
from rm_trainer.paired import compare
from tests.rm_trainer.outcomes import outcome


def test_comparisons_by_hand() -> None:
    pairs = comparisons_of([outcome(1, (3.0, 1.0, 2.0), (5, 9, 7))])
    assert pairs.margin.tolist() == [2, 1, -1]
    assert pairs.chosen_tokens.tolist() == [5, 5, 9]
    assert pairs.rejected_tokens.tolist() == [9, 7, 7]
    assert pairs.distance.tolist() == [1, 2, 1]


def test_an_analysis_is_json_with_an_interval_beside_every_estimate() -> None:
    """…and its parts add up to the whole."""
    analysis = analyse([outcome(number, (1.0, number % 2, 0.5), (3, 4, 5)) for number in range(8)])
    assert json.loads(json.dumps(analysis, allow_nan=False)).keys() == analysis.keys()
    assert sum(part["pairs"] for part in analysis["parts"]["rank_distance"].values()) == 24
    for figures, names in (
        (analysis["calibration"], ("ece", "temperature")),
        (analysis["length"], ("correlation", "shorter_won_accuracy", "longer_is_better_accuracy")),
        (analysis["best_of_n"][1], ("win_rate",)),
        (analysis["parts"]["completions"]["3"], ("pair_accuracy", "prompt_accuracy", "log_loss", "loss")),
    ):
        assert {f"{name}_interval" for name in names} <= figures.keys()


def test_a_small_gain_on_every_prompt_is_sure_though_the_prompts_differ_much() -> None:
    """Of 40 prompts with 3 pairs half are easy: 3 against 2 right, half are hard: 1 against 0. Difference 1/3 in every
    draw, while either model's own interval is some 0.2 wide.
    """
    better = [outcome(i, (3.0, 2.0, 1.0) if i % 2 else (1.0, 3.0, 2.0), (1, 1, 1)) for i in range(40)]
    worse = [outcome(i, (3.0, 1.0, 2.0) if i % 2 else (1.0, 2.0, 3.0), (1, 1, 1)) for i in range(40)]
    result = compare(better, worse)
    assert result["difference"] == pytest.approx(1 / 3)
    assert result["interval"] == pytest.approx([1 / 3, 1 / 3])
    assert result["probability_better"] == 1
    assert compare(worse, better)["probability_better"] == 0


def test_different_rankings_are_not_compared() -> None:
    with pytest.raises(Refused, match="different rankings"):
        compare([outcome(1, (1.0, 0.0), (1, 1))], [outcome(2, (1.0, 0.0), (1, 1))])
