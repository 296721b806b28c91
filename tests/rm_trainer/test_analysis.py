"""An analysis as a whole, and paired comparisons, worked by hand first."""

import json

from rm_trainer.evaluation.analysis import analyse
from rm_trainer.evaluation.comparisons import comparisons_of
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
