"""What one benchmark measured, beside what it is compared with, and the two shapes it is shown in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One figure. `peer_value` and `limit` are in the same unit.

    peer: another program that does the same work, with its version, or an earlier way of doing it.
    limit: the best that could be had, measured in the same run: the work without what is being measured around it.
    device: the machine or GPU; empty means this machine's processor.
    """

    name: str
    value: float
    unit: str
    better: Literal["more", "less"]
    peer: str = ""
    peer_value: float | None = None
    limit: float | None = None
    device: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer; under 1 is worse."""
        if self.peer_value is None:
            return None
        ours, theirs = (self.value, self.peer_value) if self.better == "more" else (self.peer_value, self.value)
        return ours / theirs if theirs else None


def measured_on(device: str, measures: Sequence[Measure]) -> list[Measure]:
    return [replace(one, device=device) for one in measures]


def json_line(measure: Measure, *, device: str, commit: str) -> str:
    """The record kept in benchmarks/results/."""
    record = {
        "name": measure.name,
        "value": _rounded(measure.value),
        "unit": measure.unit,
        "peer": measure.peer or None,
        "peer_value": _rounded(measure.peer_value),
        "ratio": _rounded(measure.ratio),
        "limit": _rounded(measure.limit),
        "device": measure.device or device,
        "commit": commit,
    }
    return json.dumps(record, ensure_ascii=False)


def table(measures: Sequence[Measure]) -> str:
    """Returns a table for people: one line a measure, figures aligned to the right; columns that nobody fills are left
    out.
    """
    heads = ("measure", "value", "unit", "peer", "its value", "ratio", "limit")
    rows = [heads, *(_row(measure) for measure in measures)]
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join(
            cell.ljust(width) if column[0] in {"measure", "unit", "peer"} else cell.rjust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        ).rstrip()
        for row in zip(*columns, strict=True)
    ]
    return "\n".join([lines[0], "-" * (sum(widths) + 2 * (len(widths) - 1)), *lines[1:]])


def _row(measure: Measure) -> tuple[str, ...]:
    ratio = "" if measure.ratio is None else f"×{shown(measure.ratio)}"
    figures = (shown(measure.peer_value), ratio, shown(measure.limit))
    return (measure.name, shown(measure.value), measure.unit, measure.peer, *figures)


def _rounded(value: float | None) -> float | None:
    """Returns the value rounded to six significant digits: more would be noise."""
    return None if value is None else float(f"{value:.6g}")


def shown(value: float | None) -> str:
    """Returns the number for people: three significant digits, and all of those before the point."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
