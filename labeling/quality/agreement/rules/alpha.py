"""Krippendorff's alpha from counts of values. Pure; tests hold it to Krippendorff's own examples and to `krippendorff`.

Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability". 1 is perfect agreement, 0 what chance would give.
A unit is what several people gave a value each, here a completion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST_UNITS = 30

Counted = tuple[Sequence[int], int]
"""How many people gave each value to a unit, and how many units have just these counts."""


@dataclass(frozen=True, kw_only=True)
class Alpha:
    """`units`: those to which two or more people gave a value."""

    value: float
    units: int


def ordinal_alpha(counted: Sequence[Counted]) -> Alpha | None:
    """Alpha of values in an order (ranks, ratings). None: not enough data, or everybody gave everything one value."""
    return _alpha(counted, _ordinal)


def nominal_alpha(counted: Sequence[Counted]) -> Alpha | None:
    """Alpha of values without an order (a flag that is set or not). None as above."""
    return _alpha(counted, _nominal)


def alpha_of(coincidences: Floats, distances: Callable[[Floats], Floats]) -> float | None:
    """Alpha of a matrix of coincidences [values, values]; None where there is but one value."""
    totals = coincidences.sum(axis=1)
    squared = distances(totals)
    expected = (np.outer(totals, totals) * squared).sum() / (totals.sum() - 1)
    return None if not expected else float(1 - (coincidences * squared).sum() / expected)


def coincidences_of(counted: Sequence[Counted]) -> Floats:
    """How often two people gave these two values to one unit: each person counts once in it, whoever else there is."""
    counts = np.array([values for values, _ in counted], dtype=float)
    people = counts.sum(axis=1)
    weights = np.array([times for _, times in counted]) / np.maximum(people - 1, 1) * (people > 1)
    together: Floats = np.einsum("uc,uk,u->ck", counts, counts, weights) - np.diag(weights @ counts)
    return together


def _alpha(counted: Sequence[Counted], distances: Callable[[Floats], Floats]) -> Alpha | None:
    units = sum(times for values, times in counted if sum(values) > 1)
    if units < FEWEST_UNITS:
        return None
    value = alpha_of(coincidences_of(counted), distances)
    return None if value is None else Alpha(value=value, units=units)


def _ordinal(totals: Floats) -> Floats:
    """The squared distance of two values: all that lie between them, each end counted half."""
    middles = np.cumsum(totals) - totals / 2
    squared: Floats = np.subtract.outer(middles, middles) ** 2
    return squared


def _nominal(totals: Floats) -> Floats:
    return 1.0 - np.eye(len(totals))
