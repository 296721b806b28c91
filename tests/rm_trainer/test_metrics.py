"""Accuracies, log loss and their intervals."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rm_trainer.evaluation.metrics import Outcome, summarise


def outcome(ranking_id: int, prompt_id: int, *, pairs: int, correct: float, log_loss: float = 1.0) -> Outcome:
    return Outcome(
        ranking_id=ranking_id,
        prompt_id=prompt_id,
        completion_ids=(1, 2),
        rewards=(0.0, 1.0),
        pairs=pairs,
        correct=correct,
        log_loss=log_loss,
    )


def test_pairs_prompts_and_rankings_are_averaged_each_in_its_way() -> None:
    """Prompt 1 was ranked twice (4 of 6 and 6 of 6 pairs right), prompt 2 once (9 of 36).

    Pair accuracy: 19 / 48. Prompt accuracy: (10/12 + 9/36) / 2 = (0.8333 + 0.25) / 2 = 0.541667.
    Log loss: (6 + 3 + 36) / 48 = 0.9375. Loss: (6/6 + 3/6 + 36/36) / 3 = 0.833333.
    """
    metrics = summarise(
        [
            outcome(1, 1, pairs=6, correct=4, log_loss=6),
            outcome(2, 1, pairs=6, correct=6, log_loss=3),
            outcome(3, 2, pairs=36, correct=9, log_loss=36),
        ]
    )
    assert (metrics["rankings"], metrics["prompts"], metrics["pairs"]) == (3, 2, 48)
    assert metrics["pair_accuracy"] == pytest.approx(19 / 48)
    assert metrics["prompt_accuracy"] == pytest.approx(0.541667, abs=1e-6)
    assert metrics["log_loss"] == pytest.approx(0.9375)
    assert metrics["loss"] == pytest.approx(0.833333, abs=1e-6)


def test_one_prompt_leaves_no_doubt_to_draw_from() -> None:
    metrics = summarise([outcome(1, 1, pairs=6, correct=3)])
    assert metrics["pair_accuracy_interval"] is None


def test_the_interval_is_that_of_the_prompts_not_of_the_pairs() -> None:
    """100 prompts of 6 pairs, half of them all right and half all wrong: the accuracy 0.5 has the standard error
    √(0.25/100) = 0.05, so 95% reach from 0.40 to 0.60. As 600 independent pairs it would be 0.46 to 0.54.
    """
    metrics = summarise([outcome(i, i, pairs=6, correct=6 * (i % 2)) for i in range(100)], bootstrap_samples=4000)
    assert metrics["pair_accuracy_interval"] == pytest.approx([0.40, 0.60], abs=0.02)
    assert metrics["prompt_accuracy_interval"] == pytest.approx([0.40, 0.60], abs=0.02)


def test_the_same_seed_draws_the_same() -> None:
    outcomes = [outcome(i, i, pairs=6, correct=i % 7, log_loss=log(2) * i) for i in range(20)]
    assert summarise(outcomes, seed=3) == summarise(outcomes, seed=3)
    assert summarise(outcomes, seed=3) != summarise(outcomes, seed=4)


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 36), st.floats(0, 1), st.floats(0, 10)), min_size=1, max_size=30
    )
)
def test_every_figure_lies_where_it_must(rows: list[tuple[int, int, float, float]]) -> None:
    metrics = summarise(
        [
            outcome(i, prompt, pairs=n, correct=right * n, log_loss=cost * n)
            for i, (prompt, n, right, cost) in enumerate(rows)
        ],
        bootstrap_samples=20,
    )
    for value, bounds in (
        (metrics["pair_accuracy"], metrics["pair_accuracy_interval"]),
        (metrics["prompt_accuracy"], metrics["prompt_accuracy_interval"]),
    ):
        low, high = bounds or (0.0, 1.0)  # there are none where all draws are alike
        assert -1e-9 <= low <= high <= 1 + 1e-9
        assert -1e-9 <= value <= 1 + 1e-9
