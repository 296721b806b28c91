"""How much of a reward is length, worked by hand."""

import pytest

from rm_trainer.evaluation.comparisons import comparisons_of
from rm_trainer.evaluation.figures import Length
from rm_trainer.evaluation.length import length
from rm_trainer.evaluation.metrics import Outcome
from tests.rm_trainer.outcomes import outcome


def figures(*outcomes: Outcome) -> Length:
    return length(outcomes, comparisons_of(outcomes))


def test_a_model_that_follows_length_is_seen_through() -> None:
    """Rewards equal tokens. The shorter one won two pairs (5 < 9, 5 < 7) and both are wrong; of the three pairs
    "longer is better" is right in one (9 > 7).
    """
    made = figures(outcome(1, (5.0, 9.0, 7.0), (5, 9, 7)))
    assert made["correlation"] == pytest.approx(1)
    assert made["shorter_won_pairs"] == 2
    assert made["shorter_won_accuracy"] == 0
    assert made["longer_is_better_accuracy"] == pytest.approx(1 / 3)


def test_where_all_are_equally_long_there_is_no_correlation_and_the_rule_guesses() -> None:
    made = figures(outcome(1, (2.0, 1.0), (5, 5)))
    assert made["correlation"] is None
    assert made["correlation_interval"] is None
    assert made["shorter_won_accuracy"] is None
    assert made["longer_is_better_accuracy"] == 0.5


def test_the_interval_is_that_of_the_prompts() -> None:
    """Correlation +1 on 50 prompts and −1 on 50: mean 0, standard error 1/√100 = 0.1."""
    made = figures(*(outcome(number, (1.0, 2.0), (5, 9) if number % 2 else (9, 5)) for number in range(100)))
    assert made["correlation"] == pytest.approx(0)
    assert made["correlation_interval"] == pytest.approx([-0.2, 0.2], abs=0.06)
