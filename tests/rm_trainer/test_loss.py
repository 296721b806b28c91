"""The maths of the loss, worked by hand first."""

from itertools import permutations
from math import exp, log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rm_trainer.loss import batch_margins, correct_pairs, pair_margins, pair_strengths, ranking_loss, usable_pairs

RANKINGS = st.integers(2, 9).flatmap(
    lambda k: st.tuples(
        st.lists(st.floats(-5, 5, width=32), min_size=k, max_size=k),
        st.lists(st.integers(1, k), min_size=k, max_size=k),
    )
)


def _minus_log_sigmoid(margin: float) -> float:
    return log(1 + exp(-margin))


def test_four_completions_with_one_tie_make_five_pairs() -> None:
    """Ranks 1 2 2 3: 6 pairs less the tie (1, 2). By hand: 0>1, 0>2, 0>3, 1>3, 2>3."""
    pairs = usable_pairs(torch.tensor([1, 2, 2, 3]))
    assert pairs.nonzero().tolist() == [[0, 1], [0, 2], [0, 3], [1, 3], [2, 3]]


def test_the_loss_is_the_mean_over_usable_pairs() -> None:
    """Scores 3 1 2 0 ranked 1 2 2 3 have the margins 2, 1, 3, 1, 2:
    (ln(1+e⁻²) + ln(1+e⁻¹) + ln(1+e⁻³) + ln(1+e⁻¹) + ln(1+e⁻²)) / 5
    = (0.126928 + 0.313262 + 0.048587 + 0.313262 + 0.126928) / 5 = 0.185793
    """
    margins = pair_margins(torch.tensor([3.0, 1.0, 2.0, 0.0]), torch.tensor([1, 2, 2, 3]))
    assert margins.tolist() == [2, 1, 3, 1, 2]
    assert ranking_loss(margins).item() == pytest.approx(0.185793, abs=1e-6)


def test_one_single_tie_has_no_loss_and_no_gradient() -> None:
    scores = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    loss = ranking_loss(pair_margins(scores, torch.tensor([1, 1, 1])))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert scores.grad is not None
    assert scores.grad.tolist() == [0, 0, 0]


def test_four_and_nine_completions_weigh_equally() -> None:
    """With equal scores every pair costs log 2, so a ranking costs log 2 whether it has 6 pairs or 36."""
    margins = batch_margins(torch.zeros(13), [torch.arange(1, 5), torch.arange(1, 10)])
    assert [one.numel() for one in margins] == [6, 36]
    assert [ranking_loss(one).item() for one in margins] == pytest.approx([log(2), log(2)])


def test_equal_scores_are_half_right() -> None:
    """Margins 1, 0, −1: one right, one undecided, one wrong."""
    assert correct_pairs(torch.tensor([1.0, 0.0, -1.0])).item() == 1.5


def test_a_large_margin_overflows_nothing() -> None:
    assert ranking_loss(torch.tensor([-1000.0])).item() == pytest.approx(1000)
    assert ranking_loss(torch.tensor([1000.0])).item() == 0


@given(RANKINGS)
def test_the_tensors_say_what_a_plain_loop_says(ranking: tuple[list[float], list[int]]) -> None:
    scores, ranks = ranking
    costs = [
        _minus_log_sigmoid(scores[better] - scores[worse])
        for better, worse in permutations(range(len(ranks)), 2)
        if ranks[better] < ranks[worse]
    ]
    loss = ranking_loss(pair_margins(torch.tensor(scores), torch.tensor(ranks))).item()
    assert loss == pytest.approx(sum(costs) / len(costs) if costs else 0.0, rel=1e-4, abs=1e-6)


@given(RANKINGS, st.floats(-3, 3, width=32))
def test_a_bias_of_all_rewards_changes_nothing(ranking: tuple[list[float], list[int]], bias: float) -> None:
    scores, ranks = torch.tensor(ranking[0]), torch.tensor(ranking[1])
    shifted = ranking_loss(pair_margins(scores + bias, ranks))
    assert shifted.item() == pytest.approx(ranking_loss(pair_margins(scores, ranks)).item(), rel=1e-4, abs=1e-5)


MARGINS = torch.tensor([2.0, 1.0])
STRENGTHS = torch.tensor([4.0, 1.0])


def test_without_options_strengths_do_nothing() -> None:
    assert torch.equal(ranking_loss(MARGINS, STRENGTHS), ranking_loss(MARGINS))


def test_a_stronger_preference_asks_for_a_larger_margin() -> None:
    """Strengths 4 and 1 have m = 1 and 0: (ln(1+e⁻¹) + ln(1+e⁻¹)) / 2 = 0.313262."""
    assert ranking_loss(MARGINS, STRENGTHS, strength="margin").item() == pytest.approx(0.313262, abs=1e-6)


def test_a_stronger_preference_weighs_more() -> None:
    """(4 · ln(1+e⁻²) + 1 · ln(1+e⁻¹)) / 2 = (4 · 0.126928 + 0.313262) / 2 = 0.410487."""
    assert ranking_loss(MARGINS, STRENGTHS, strength="scale").item() == pytest.approx(0.410487, abs=1e-6)


def test_smoothing_counts_a_part_of_the_reversed_pair() -> None:
    """ε = 0.1, margin 2: 0.9 · ln(1+e⁻²) + 0.1 · ln(1+e²) = 0.9 · 0.126928 + 0.1 · 2.126928 = 0.326928."""
    loss = ranking_loss(torch.tensor([2.0]), torch.ones(1), label_smoothing=0.1)
    assert loss.item() == pytest.approx(0.326928, abs=1e-6)


def test_strengths_of_distant_ranks_add_up_to_the_strongest() -> None:
    """Ranks 2 1 3 with the steps 1 (first to second) and 4: 0>2 is 4, 1>0 is 1, 1>2 is 1 + 4, capped at 4."""
    ranks = torch.tensor([2, 1, 3])
    assert pair_strengths(ranks, (1, 4)).tolist() == [4, 1, 4]
    assert pair_strengths(ranks, None).tolist() == [1, 1, 1]
    assert pair_margins(torch.tensor([0.0, 1.0, 2.0]), ranks).tolist() == [-2, 1, -1]


def test_one_single_tie_has_no_loss_whatever_the_options() -> None:
    assert ranking_loss(torch.zeros(0), pair_strengths(torch.tensor([1, 1]), ()), strength="scale").item() == 0
