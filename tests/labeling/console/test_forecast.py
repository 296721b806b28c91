"""When a campaign will be done: the interval holds what it promises, and knows when it knows nothing."""

import numpy as np
import pytest

from labeling.console.rules.forecast import forecast


def test_days_that_are_all_alike_leave_no_doubt() -> None:
    found = forecast(left=95, per_day=[10] * 7)
    assert found is not None
    assert (found.expected, found.earliest, found.latest) == (10, 10, 10)


@pytest.mark.parametrize("per_day", [[], [10, 20, 30, 40], [0] * 20])
def test_too_few_days_or_none_with_work_say_nothing(per_day: list[int]) -> None:
    assert forecast(left=100, per_day=per_day) is None


def test_a_pace_that_may_as_well_be_none_has_no_latest_day() -> None:
    found = forecast(left=1000, per_day=[0, 0, 0, 0, 0, 0, 90])
    assert found is not None
    assert found.latest is None
    assert found.earliest < found.expected


def test_nothing_left_is_done_now() -> None:
    found = forecast(left=0, per_day=[1, 2, 3, 4, 5])
    assert found is not None
    assert (found.expected, found.earliest, found.latest) == (0, 0, 0)


def test_the_interval_holds_the_day_in_95_of_100_worlds() -> None:
    """Days are drawn from one distribution, as the method says; then the day on which all is done is looked up."""
    draw, held, worlds = np.random.default_rng(5), 0, 1500
    for _world in range(worlds):
        days = draw.gamma(shape=4, scale=25, size=400).round()
        found = forecast(left=2000, per_day=[int(each) for each in days[:28]])
        assert found is not None
        assert found.latest is not None
        done = int(np.searchsorted(days[28:].cumsum(), 2000)) + 1
        held += found.earliest <= done <= found.latest
    assert 0.93 <= held / worlds <= 0.98
