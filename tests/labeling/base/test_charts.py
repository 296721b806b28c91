"""The geometry of the admin's charts: pure numbers."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.base.admin.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    MOST_POINTS,
    RIGHT,
    TOP,
    WIDTH,
    Estimate,
    bar_chart,
    labels_of,
    line_chart,
    nice_ticks,
    smoothed,
    thinned,
)

finite = st.floats(min_value=-1e6, max_value=1e6)


@given(finite, finite)
def test_ticks_enclose_the_range_and_are_few_and_evenly_spaced(one: float, other: float) -> None:
    low, high = sorted((one, other))
    ticks = nice_ticks(low, high)
    tolerance = 1e-6 * max(1, abs(low), abs(high))
    assert ticks[0] <= low + tolerance
    assert ticks[-1] >= high - tolerance
    assert 2 <= len(ticks) <= 9
    steps = [after - before for before, after in pairwise(ticks)]
    assert all(math.isclose(step, steps[0], rel_tol=1e-6, abs_tol=1e-9) for step in steps)


def test_a_line_stays_inside_its_frame() -> None:
    chart = line_chart({"train": [(0, 0.3), (5, 0.9), (10, 0.4)]}, x_max=10, level=(0.69, "guessing"))
    assert chart is not None
    for x, y in chart.lines[0].dots:
        assert LEFT <= x <= WIDTH - RIGHT
        assert TOP <= y <= HEIGHT - BOTTOM
    assert chart.lines[0].path.startswith("M48")
    assert chart.level is not None
    assert [tick.label for tick in chart.x_ticks] == ["0", "2", "4", "6", "8", "10"]


def test_numbers_that_are_none_draw_nothing_and_break_nothing() -> None:
    assert line_chart({"train": [], "valid": []}, x_max=10) is None
    assert line_chart({"train": [(1, math.nan)]}, x_max=10) is None
    chart = line_chart({"train": [(1, math.inf), (2, 0.5)]}, x_max=10)
    assert chart is not None
    assert "inf" not in chart.lines[0].path
    assert "nan" not in chart.lines[0].path


def test_a_single_flat_value_has_room_around_it() -> None:
    chart = line_chart({"train": [(1, 0.5)]}, x_max=0)
    assert chart is not None
    assert len(chart.y_ticks) >= 2


def test_long_runs_are_thinned_by_averages() -> None:
    points = [(float(step), float(step % 2)) for step in range(10_000)]
    few = thinned(points)
    assert len(few) <= MOST_POINTS
    assert all(abs(y - 0.5) < 0.1 for _, y in few)


def test_smoothing_starts_at_the_first_value_without_bias() -> None:
    # 0.9 · 0 + 0.1 · 2 = 0.2, divided by 1 − 0.9 is 2; then (0.9 · 0.2 + 0.1 · 4) / (1 − 0.81) = 0.58 / 0.19
    assert [round(y, 6) for _, y in smoothed([(1, 2.0), (2, 4.0)])] == [2.0, round(0.58 / 0.19, 6)]


def test_bars_are_stacked_from_the_bottom_and_empty_parts_left_out() -> None:
    chart = bar_chart([("1", "one", {"rankings": 3, "simulated": 1}), ("2", "two", {"rankings": 0, "simulated": 0})])
    first, second = chart.bars
    assert second.parts == ()
    (name, top, height), (above, top_above, height_above) = first.parts
    assert (name, above) == ("rankings", "simulated")
    assert math.isclose(top + height, chart.bottom, abs_tol=0.2)
    assert math.isclose(top_above + height_above, top, abs_tol=0.2)
    assert math.isclose(height, 3 * height_above, abs_tol=0.3)


def test_a_chart_of_nothing_has_a_scale_all_the_same() -> None:
    assert bar_chart([]).y_ticks[0].label == "0"


def test_an_estimate_has_its_interval_inside_the_frame_and_its_point_inside_the_interval() -> None:
    chart = line_chart(
        {"model": [(0.5, 0.5), (1.0, 0.9)]},
        x_min=0.5,
        x_max=1,
        x_ticks=[(0.5, "50%"), (1.0, "100%")],
        estimates=[Estimate(0.5, 0.5, (0.2, 0.6), "first"), Estimate(1.0, 0.9, None, "alone")],
    )
    assert chart is not None
    first, alone = chart.whiskers
    assert TOP <= first.top < first.y < first.bottom <= HEIGHT - BOTTOM
    assert alone.top == alone.y == alone.bottom
    assert (first.x, alone.x) == (LEFT, WIDTH - RIGHT)
    assert [(tick.at, tick.label) for tick in chart.x_ticks] == [(LEFT, "50%"), (WIDTH - RIGHT, "100%")]


@pytest.mark.parametrize(
    ("ticks", "percent", "labels"),
    [
        ([0.48, 0.485, 0.49, 0.495, 0.5], True, ["48.0%", "48.5%", "49.0%", "49.5%", "50.0%"]),
        ([0.4, 0.6, 0.8], True, ["40%", "60%", "80%"]),
        ([48.0, 48.5, 49.0], False, ["48.0", "48.5", "49.0"]),
        ([0.0001, 0.00015, 0.0002], False, ["0.00010", "0.00015", "0.00020"]),
        ([0, 1_000, 2_000], False, ["0", "1,000", "2,000"]),
    ],
)
def test_labels_tell_ticks_apart(ticks: list[float], percent: bool, labels: list[str]) -> None:
    assert labels_of(ticks, percent=percent) == labels


@given(st.floats(-1e6, 1e6), st.floats(0.001, 1e6))
def test_no_two_labels_of_an_axis_are_the_same(low: float, height: float) -> None:
    labels = labels_of(nice_ticks(low, low + height), percent=False)
    assert len(set(labels)) == len(labels)


def test_a_run_of_one_step_has_no_label_twice() -> None:
    chart = line_chart({"train": [(0, 0.5), (1, 0.4)]}, x_max=1)
    assert chart is not None
    labels = [tick.label for tick in chart.x_ticks]
    assert len(set(labels)) == len(labels) > 1
