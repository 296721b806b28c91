"""The bootstrap that every interval comes from."""

import numpy as np
import pytest

from rm_trainer.evaluation import bootstrap
from rm_trainer.evaluation.bootstrap import draws, interval, places, ratio, resampled, sums


def test_rows_are_added_up_by_prompt() -> None:
    place = places([30, 10, 30])
    assert place.tolist() == [1, 0, 1]
    assert sums(place, [1, 2, 3], [10, 20, 30]).tolist() == [[2, 20], [4, 40]]


def test_a_draw_takes_as_many_prompts_as_there_are_and_whole_ones() -> None:
    """Prompts of 1 and 10: two drawn sum to 2, 11 or 20 in a quarter, a half and a quarter of draws."""
    drawn = resampled(np.array([[1.0], [10.0]]), samples=4000, seed=1)[:, 0]
    assert set(drawn) == {2, 11, 20}
    assert (drawn == 11).mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("at_once", [1, 7, 40])
def test_how_many_draws_come_at_once_changes_none(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    together = np.concatenate(list(draws(3, samples=20, seed=5)))
    per_prompt = np.arange(12.0).reshape(3, 4) ** 2
    added_up = resampled(per_prompt, samples=20, seed=5)
    assert added_up == pytest.approx(np.stack([per_prompt[drawn].sum(axis=0) for drawn in together]))
    monkeypatch.setattr(bootstrap, "AT_ONCE", at_once)
    assert np.concatenate(list(draws(3, samples=20, seed=5))).tolist() == together.tolist()
    assert resampled(per_prompt, samples=20, seed=5) == pytest.approx(added_up)


def test_a_ratio_has_the_interval_of_its_prompts() -> None:
    """100 prompts of which half are right: standard error √(0.25 / 100) = 0.05, so 95% reach from 0.40 to 0.60."""
    per_prompt = np.column_stack([np.arange(100) % 2, np.ones(100)]).astype(float)
    share, bounds = ratio(per_prompt, 0, 1, samples=4000)
    assert share == 0.5
    assert bounds == pytest.approx([0.40, 0.60], abs=0.02)


def test_what_does_not_exist_has_neither_value_nor_interval() -> None:
    assert ratio(np.array([[1.0, 0.0]]), 0, 1) == (None, None)
    assert interval(np.array([np.nan, np.nan])) is None


def test_an_interval_without_width_is_none() -> None:
    """One prompt gives the same figure in every draw: that is not certainty but too little to tell."""
    assert interval(np.array([np.nan, 3.0])) is None
    assert interval(np.array([0.1 + 0.2, 0.3])) is None
    assert ratio(np.array([[1.0, 1.0]]), 0, 1) == (1.0, None)
