"""Margins, scaling and smoothing, worked by hand first."""

from typing import Any

import pytest
import torch
from rm_trainer.objective import Objective, pair_strengths

from lm.errors import Refused
from lm.snapshot.records import parse_ranking
from rm_trainer.loss import pair_margins, ranking_loss
from tests.rm_trainer.snapshots import ranking

MARGINS = torch.tensor([2.0, 1.0])
STRENGTHS = torch.tensor([4.0, 1.0])


def test_without_options_it_is_the_plain_ranking_loss() -> None:
    assert torch.equal(Objective().loss(MARGINS, STRENGTHS), ranking_loss(MARGINS))


def test_a_stronger_preference_asks_for_a_larger_margin() -> None:
    """Strengths 4 and 1 have m = 1 and 0: (ln(1+e⁻¹) + ln(1+e⁻¹)) / 2 = 0.313262."""
    assert Objective(strength="margin").loss(MARGINS, STRENGTHS).item() == pytest.approx(0.313262, abs=1e-6)


def test_a_stronger_preference_weighs_more() -> None:
    """(4 · ln(1+e⁻²) + 1 · ln(1+e⁻¹)) / 2 = (4 · 0.126928 + 0.313262) / 2 = 0.410487."""
    assert Objective(strength="scale").loss(MARGINS, STRENGTHS).item() == pytest.approx(0.410487, abs=1e-6)


def test_smoothing_counts_a_part_of_the_reversed_pair() -> None:
    """ε = 0.1, margin 2: 0.9 · ln(1+e⁻²) + 0.1 · ln(1+e²) = 0.9 · 0.126928 + 0.1 · 2.126928 = 0.326928."""
    loss = Objective(label_smoothing=0.1).loss(torch.tensor([2.0]), torch.ones(1))
    assert loss.item() == pytest.approx(0.326928, abs=1e-6)


def test_strengths_of_distant_ranks_add_up_to_the_strongest() -> None:
    """Ranks 2 1 3 with the steps 1 (first to second) and 4: 0>2 is 4, 1>0 is 1, 1>2 is 1 + 4, capped at 4."""
    ranks = torch.tensor([2, 1, 3])
    assert pair_strengths(ranks, (1, 4)).tolist() == [4, 1, 4]
    assert pair_strengths(ranks, None).tolist() == [1, 1, 1]
    assert pair_margins(torch.tensor([0.0, 1.0, 2.0]), ranks).tolist() == [-2, 1, -1]


def test_one_single_tie_has_no_loss() -> None:
    assert Objective(strength="scale").loss(torch.zeros(0), pair_strengths(torch.tensor([1, 1]), ())).item() == 0


def record(**more: Any) -> dict[str, Any]:
    return {**ranking(1, [("a", 1), ("b", 2), ("c", 2), ("d", 3)]), **more}


def test_records_may_hold_strengths_and_fields_that_are_not_known() -> None:
    assert parse_ranking(record()).strengths is None
    assert parse_ranking(record(strengths=None)).strengths is None
    assert parse_ranking(record(strengths=[1, 4], a_field_of_next_year={"x": 1})).strengths == (1, 4)


@pytest.mark.parametrize("strengths", [[1], [1, 2, 3], [0, 1], [1, 5], [1, True], [1, "2"], "12"])
def test_strengths_that_do_not_fit_the_ranks_are_refused(strengths: Any) -> None:
    with pytest.raises(Refused, match="strengths"):
        parse_ranking(record(strengths=strengths))
