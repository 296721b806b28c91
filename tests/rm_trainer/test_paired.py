"""Two models on the same rankings, worked by hand first."""

from dataclasses import replace

import pytest

from lm.errors import Refused
from rm_trainer.evaluation.metrics import Outcome
from rm_trainer.evaluation.paired import compare


def outcome(number: int, *, right: float, pairs: int = 3, prompt: int | None = None) -> Outcome:
    return Outcome(
        ranking_id=number,
        prompt_id=number if prompt is None else prompt,
        completion_ids=(1, 2, 3),
        rewards=(0.0, 0.0, 0.0),
        pairs=pairs,
        correct=right,
        log_loss=1.0,
    )


def test_a_small_gain_on_every_prompt_is_sure_though_the_prompts_differ_much() -> None:
    """Of 40 prompts with 3 pairs half are easy: 3 against 2 right, half are hard: 1 against 0. Difference 1/3 in every
    draw, while either model's own interval is some 0.2 wide.
    """
    better = [outcome(number, right=3 if number % 2 else 1) for number in range(40)]
    worse = [outcome(number, right=2 if number % 2 else 0) for number in range(40)]
    result = compare(better, worse)
    assert result["difference"] == pytest.approx(1 / 3)
    assert result["lower"] == pytest.approx(1 / 3)
    assert result["interval"] is None  # all prompts gain alike, so nothing says how far it may be off
    assert result["probability_better"] == 1
    assert compare(worse, better)["probability_better"] == 0


def test_the_bounds_of_two_prompts_by_hand() -> None:
    """One prompt gains 1, the other nothing. Of two draws the mean is 1 in a quarter of all cases, ½ in a half, 0 in a
    quarter: better in ¾ of the draws, above 0 with no confidence of 95%, and at least ½ with one of 60%.
    """
    new, current = [outcome(1, right=3), outcome(2, right=2)], [outcome(1, right=0), outcome(2, right=2)]
    result = compare(new, current)
    assert (result["rankings"], result["prompts"], result["pairs"]) == (2, 2, 6)
    assert [result["new"], result["current"]] == pytest.approx([5 / 6, 1 / 3])
    assert result["difference"] == pytest.approx(0.5)
    assert result["probability_better"] == pytest.approx(0.75, abs=0.02)
    assert (result["lower"], result["interval"]) == (0, [0, 1])
    assert compare(new, current, confidence=0.6)["lower"] == pytest.approx(0.5)


def test_a_prompt_with_thirty_six_pairs_counts_as_one_with_six() -> None:
    """All 36 pairs gained in one prompt, all 6 lost in the other: nothing in the mean over prompts, 30 of 42 in all."""
    result = compare(
        [outcome(1, right=36, pairs=36), outcome(2, right=0, pairs=6)],
        [outcome(1, right=0, pairs=36), outcome(2, right=6, pairs=6)],
    )
    assert result["difference"] == 0
    assert result["pair_difference"] == pytest.approx(30 / 42)


def test_two_rankings_of_a_prompt_are_drawn_together() -> None:
    """3 + 0 of 3 + 3 pairs are one prompt with half of its pairs right: no draw differs."""
    new = [outcome(1, right=3, prompt=7), outcome(2, right=0, prompt=7)]
    result = compare(new, [outcome(1, right=0, prompt=7), outcome(2, right=0, prompt=7)])
    assert (result["rankings"], result["prompts"]) == (2, 1)
    assert result["interval"] is None


def test_chance_has_half_of_the_pairs_right() -> None:
    """2 of 3 and 1 of 3 are a sixth above and a sixth below it."""
    result = compare([outcome(1, right=2), outcome(2, right=1)], None)
    assert [result["new"], result["current"]] == pytest.approx([0.5, 0.5])
    assert result["difference"] == pytest.approx(0)
    assert result["interval"] == pytest.approx([-1 / 6, 1 / 6])


def test_the_same_model_is_neither_better_nor_worse() -> None:
    same = [outcome(number, right=number % 4) for number in range(20)]
    result = compare(same, same)
    assert (result["difference"], result["lower"], result["probability_better"]) == (0, 0, 0)


def test_what_only_one_model_can_read_whole_is_left_out_and_counted() -> None:
    """Of ranking 2 the other tokenizer made a completion too long, so that the two scored different ones."""
    new = [outcome(1, right=3), outcome(2, right=0), outcome(3, right=3)]
    shorter = replace(outcome(2, right=1, pairs=1), completion_ids=(1, 2))
    result = compare(new, [outcome(3, right=0), shorter, outcome(1, right=0)])
    assert (result["rankings"], result["left_out"], result["difference"]) == (2, 1, 1)


def test_different_rankings_are_not_compared() -> None:
    with pytest.raises(Refused, match="different rankings"):
        compare([outcome(1, right=1)], [outcome(2, right=1)])
