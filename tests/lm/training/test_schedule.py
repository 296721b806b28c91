"""The learning rate's curve."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.training.schedule import learning_rate


def test_the_cosine_goes_from_the_peak_to_a_tenth_of_it() -> None:
    """Three steps are at progress 0, ½, 1: cos 0 = 1, cos π/2 = 0, cos π = −1, so 1, 0.1 + 0.9/2, 0.1 of the peak."""
    rates = [learning_rate(step=step, steps=3, peak=9e-6, final_fraction=0.1) for step in (1, 2, 3)]
    assert rates == pytest.approx([9e-6, 4.95e-6, 9e-7])


def test_a_single_step_has_the_peak() -> None:
    assert learning_rate(step=1, steps=1, peak=2.0, final_fraction=0.1) == 2.0


def test_warm_up_rises_in_a_line_to_the_peak() -> None:
    rates = [learning_rate(step=step, steps=10, peak=1.0, final_fraction=0.1, warmup_steps=4) for step in range(1, 11)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[-1] == pytest.approx(0.1)


@given(st.integers(1, 200), st.integers(0, 220), st.floats(0, 1))
def test_the_rate_is_always_between_nothing_and_the_peak(steps: int, warmup: int, final: float) -> None:
    for step in range(1, steps + 1):
        rate = learning_rate(step=step, steps=steps, peak=1.0, final_fraction=final, warmup_steps=warmup)
        assert 0 <= rate <= 1 + 1e-12
