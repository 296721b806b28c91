"""Charts as plain numbers that a template draws as inline SVG: no script, no library, sharp in print. Pure."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 26
MOST_POINTS = 400
"""More points than pixels only make the page heavy."""

FLAT = 1e-6
"""A range that is smaller than this share of its values is drawn as one value: its labels could not tell them apart."""


@dataclass(frozen=True)
class Tick:
    """The place of a label on an axis, in the units of the view box."""

    at: float
    label: str


@dataclass(frozen=True)
class Line:
    """`path` is the d attribute; `dots` are drawn as well where points are few."""

    name: str
    path: str
    dots: tuple[Point, ...] = ()


@dataclass(frozen=True)
class Whisker:
    """An interval around a point, from `top` to `bottom`; `title` is what a pointer over it reads."""

    x: float
    y: float
    top: float
    bottom: float
    title: str


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, where there is one, and what is said of it."""

    x: float
    y: float
    interval: tuple[float, float] | None
    title: str


@dataclass(frozen=True, kw_only=True)
class LineChart:
    """`level`: a horizontal line to compare with (chance), with its label."""

    lines: list[Line]
    whiskers: list[Whisker]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    level: Tick | None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def line_chart(
    series: Mapping[str, Sequence[Point]],
    *,
    x_max: float,
    x_min: float = 0,
    x_ticks: Sequence[tuple[float, str]] | None = None,
    level: tuple[float, str] | None = None,
    y_range: tuple[float, float] | None = None,
    percent: bool = False,
    estimates: Sequence[Estimate] = (),
) -> LineChart | None:
    """A chart of every series that has points; None without any. `y_range` only widens what the points need.

    `x_ticks`: (where, label), else round numbers. `estimates` are drawn with their intervals over the lines.
    """
    values = [y for points in series.values() for _, y in points if math.isfinite(y)]
    if not values:
        return None
    bounds = [bound for each in estimates for bound in (each.y, *(each.interval or ()))]
    wanted = [*values, *bounds, *(y_range or ()), *([level[0]] if level else [])]
    ticks = nice_ticks(min(wanted), max(wanted))
    low, high = ticks[0], ticks[-1]
    x_end = max(x_max, 1)

    def place(point: Point) -> Point:
        x = LEFT + (WIDTH - LEFT - RIGHT) * (point[0] - x_min) / ((x_end - x_min) or 1)
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (point[1] - low) / (high - low)
        return round(x, 1), round(y, 1)

    return LineChart(
        lines=[_line(name, [place(point) for point in thinned(points)]) for name, points in series.items() if points],
        whiskers=[_whisker(each, place) for each in estimates],
        x_ticks=[Tick(place((x, low))[0], label) for x, label in x_ticks or _counted(x_end)],
        y_ticks=[
            Tick(place((0, y))[1], label) for y, label in zip(ticks, labels_of(ticks, percent=percent), strict=True)
        ],
        level=Tick(place((0, level[0]))[1], level[1]) if level else None,
    )


def _counted(end: float) -> list[tuple[float, str]]:
    """Round numbers from 0 to `end`, with their labels."""
    ticks = nice_ticks(0, end)
    return [each for each in zip(ticks, labels_of(ticks, percent=False), strict=True) if each[0] <= end]


def labels_of(ticks: Sequence[float], *, percent: bool) -> list[str]:
    """With as many decimals as tell neighbours apart.

    >>> labels_of([0.48, 0.485, 0.49], percent=True)
    ['48.0%', '48.5%', '49.0%']
    """
    scaled = [tick * 100 if percent else tick for tick in ticks]
    step = min((abs(one - other) for one, other in pairwise(scaled)), default=1.0)
    decimals = next((number for number in range(10) if abs(round(step, number) - step) < step * 1e-6), 10)
    return [f"{value:,.{decimals}f}{'%' if percent else ''}" for value in scaled]


def _line(name: str, points: list[Point]) -> Line:
    steps = (f"{'M' if number == 0 else 'L'}{x} {y}" for number, (x, y) in enumerate(points))
    return Line(name, " ".join(steps), tuple(points) if len(points) <= 12 else ())


def _whisker(each: Estimate, place: Callable[[Point], Point]) -> Whisker:
    x, y = place((each.x, each.y))
    bottom, top = each.interval or (each.y, each.y)
    return Whisker(x, y, place((each.x, top))[1], place((each.x, bottom))[1], each.title)


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most MOST_POINTS of the finite points: neighbours are averaged, so that no spike is picked by chance."""
    finite = [point for point in points if math.isfinite(point[1])]
    size = -(-len(finite) // MOST_POINTS) or 1
    groups = [finite[start : start + size] for start in range(0, len(finite), size)]
    return [(sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups]


def smoothed(points: Sequence[Point], *, weight: float = 0.9) -> list[Point]:
    """The exponential moving average of the values, without the bias towards the start (Adam's correction)."""
    average, smooth = 0.0, []
    for number, (x, y) in enumerate(points, start=1):
        average = weight * average + (1 - weight) * y
        smooth.append((x, average / (1 - weight**number)))
    return smooth


def nice_ticks(low: float, high: float, *, about: int = 4) -> list[float]:
    """Round numbers that enclose the range, some `about` steps apart.

    >>> nice_ticks(0.31, 0.72)
    [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    """
    if high - low < FLAT * max(1.0, abs(low), abs(high)):
        high = low + 0.1 * max(1.0, abs(low))
    rough = (high - low) / about
    power = 10 ** math.floor(math.log10(rough))
    step = min((multiple * power for multiple in (1, 2, 5, 10)), key=lambda candidate: abs(candidate - rough))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


@dataclass(frozen=True)
class Bar:
    """One day's column: parts from the bottom up, each (name, top, height)."""

    left: float
    middle: float
    width: float
    label: str
    title: str
    parts: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, kw_only=True)
class BarChart:
    bars: list[Bar]
    y_ticks: list[Tick]
    width: int = WIDTH
    height: int = 180
    left: int = 34
    bottom: int = 156


def bar_chart(columns: Sequence[tuple[str, str, dict[str, int]]]) -> BarChart:
    """Stacked bars of (label, title, parts) from left to right."""
    highest = max((sum(parts.values()) for _, _, parts in columns), default=0)
    ticks = [tick for tick in nice_ticks(0, max(highest, 4), about=3) if tick == int(tick)]
    left, right, top, bottom = 34, WIDTH - 4, 10, 156
    step = (right - left) / max(len(columns), 1)
    scale = (bottom - top) / ticks[-1]
    bars = []
    for number, (label, title, parts) in enumerate(columns):
        x = left + number * step
        bars.append(
            Bar(
                round(x + step * 0.15, 1),
                round(x + step / 2, 1),
                round(step * 0.7, 1),
                label,
                title,
                _stack(parts, bottom, scale),
            )
        )
    return BarChart(bars=bars, y_ticks=[Tick(round(bottom - tick * scale, 1), f"{tick:,.0f}") for tick in ticks])


def _stack(parts: dict[str, int], bottom: float, scale: float) -> tuple[tuple[str, float, float], ...]:
    stacked, edge = [], bottom
    for name, value in parts.items():
        height = value * scale
        edge -= height
        if value:
            stacked.append((name, round(edge, 1), round(height, 1)))
    return tuple(stacked)
