"""Which new model takes the place of the current one, by example and by hand."""

import pytest

from labeling.training.rules.promotion import Decision, Rule, decide
from rm_trainer.evaluation.figures import Comparison

RULE = Rule(tolerance=0.02, min_gain=0.0, confidence=0.95, min_test_rankings=50, min_new_rankings=20)


def comparison(difference: float, lower: float, *, rankings: int = 100, current: float = 0.7) -> Comparison:
    """As `python -m rm_trainer evaluate` writes it; the rule reads six of its figures."""
    return {
        "rankings": rankings,
        "new": current + difference,
        "current": current,
        "difference": difference,
        "confidence": 0.95,
        "lower": lower,
    }  # type: ignore[typeddict-item]


def decided(
    test: Comparison | None, newest: Comparison | None, *, against: str = "reward-1", rule: Rule = RULE
) -> Decision:
    return decide(test=test, newest=newest, against=against, since="2026-01-02T00:00:00Z", rule=rule)


@pytest.mark.parametrize(
    ("test", "newest", "promoted", "says"),
    [
        # Down by at most 2 points where 2 are allowed, and up for sure on what is new.
        (comparison(0.00, -0.020), comparison(0.04, 0.001), True, "Promoted"),
        # It may have lost a little more than those.
        (comparison(0.01, -0.021), comparison(0.04, 0.001), False, "may be worse on the frozen test set"),
        # A gain of 4 points that may be none.
        (comparison(0.02, 0.010), comparison(0.04, 0.000), False, "not shown to be better on the newest batch"),
        # Equal models: not worse, and not better.
        (comparison(0.00, 0.000), comparison(0.00, 0.000), False, "not shown to be better on the newest batch"),
        (comparison(0.09, 0.05, rankings=49), comparison(0.09, 0.05), False, "has 49 rankings"),
        (comparison(0.09, 0.05), comparison(0.09, 0.05, rankings=19), False, "PROMOTE_MIN_NEW_RANKINGS"),
        (comparison(0.09, 0.05, rankings=50), comparison(0.09, 0.05, rankings=20), True, "Promoted"),
        (comparison(0.09, 0.05), None, False, "newest batch has 0 rankings"),
        (None, None, False, "The frozen test set has 0 rankings"),
    ],
)
def test_a_model_is_promoted_that_is_not_worse_there_and_better_here(
    test: Comparison | None, newest: Comparison | None, promoted: bool, says: str
) -> None:
    decision = decided(test, newest)
    assert decision.promote is promoted
    assert says in decision.reason


def test_the_tolerance_and_the_least_gain_move_the_bounds() -> None:
    strict = Rule(tolerance=0.0, min_gain=0.01, confidence=0.95, min_test_rankings=1, min_new_rankings=1)
    assert decided(comparison(0.05, 0.001), comparison(0.05, 0.011), rule=strict).promote
    assert decided(comparison(0.00, 0.0), comparison(0.05, 0.011), rule=strict).promote
    assert not decided(comparison(0.05, -0.001), comparison(0.05, 0.011), rule=strict).promote
    assert not decided(comparison(0.05, 0.001), comparison(0.05, 0.010), rule=strict).promote


def test_the_first_model_must_beat_chance() -> None:
    beats = decided(comparison(0.1, 0.01, current=0.5), comparison(0.1, 0.01, current=0.5), against="")
    assert beats.promote
    assert "chance, as no model is current" in beats.reason
    guesses = comparison(0.1, -0.01, current=0.5)
    assert not decided(guesses, guesses, against="").promote


def test_the_reason_says_both_differences_with_their_bounds() -> None:
    reason = decided(comparison(0.004, -0.011, rankings=120), comparison(0.05, 0.012, rankings=64)).reason
    assert "beside reward-1" in reason
    assert "70.4% against 70.0% on the frozen test set (120 rankings; difference +0.4%" in reason
    assert "with 95% confidence above -1.1%, must be at least -2.0%" in reason
    assert "75.0% against 70.0% on the newest batch (64 rankings; difference +5.0%" in reason


def test_the_numbers_are_kept_whether_it_is_promoted_or_not() -> None:
    test, newest = comparison(0.01, -0.03), comparison(0.05, 0.012)
    assert decided(test, newest).numbers == {
        "promote": False,
        "against": "reward-1",
        "since": "2026-01-02T00:00:00Z",
        "rule": {
            "tolerance": 0.02,
            "min_gain": 0.0,
            "confidence": 0.95,
            "min_test_rankings": 50,
            "min_new_rankings": 20,
        },
        "test": {"comparison": test, "floor": -0.02, "holds": False},
        "newest": {"comparison": newest, "floor": 0.0, "holds": True},
    }
