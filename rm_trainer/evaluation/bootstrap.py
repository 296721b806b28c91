"""Intervals that know that a prompt's pairs aren't independent: every draw takes whole prompts. Pure maths."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

RESAMPLES = 200
"""For the many figures of an analysis; a split's own accuracies have 1,000."""
AT_ONCE = 1_000_000
"""Places drawn in one call, 8 MB. Forty prompts drawn one by one 10,000 times take 16 times as long."""


def places(prompt_ids: Sequence[int]) -> Places:
    """Each row's place among the distinct prompts."""
    found: Places = np.unique(prompt_ids, return_inverse=True)[1]
    return found


def sums(place: Places, *columns: ArrayLike) -> Floats:
    """Each column added up per prompt: columns [rows] → [prompts, columns]."""
    return np.column_stack([np.bincount(place, weights=np.asarray(one, dtype=float)) for one in columns])


def resampled(per_prompt: Floats, *, samples: int, seed: int) -> Floats:
    """Column sums over `samples` draws of as many prompts as there are: [prompts, C] → [samples, C]."""
    count = len(per_prompt)
    found = []
    for drawn in draws(count, samples=samples, seed=seed):
        own_places = drawn + count * np.arange(len(drawn))[:, None]  # each draw counts in places of its own
        times = np.bincount(own_places.ravel(), minlength=drawn.size).reshape(drawn.shape)
        found.append(times @ per_prompt)
    return np.concatenate(found)


def draws(count: int, *, samples: int, seed: int) -> Iterator[Places]:
    """Yields `samples` draws of `count` places with replacement, as [draws, count] with at most AT_ONCE numbers.

    How many come at once changes none of them.
    """
    random, at_once = np.random.default_rng(seed), max(1, AT_ONCE // max(1, count))
    for begun in range(0, samples, at_once):
        yield random.integers(count, size=(min(at_once, samples - begun), count))


def interval(drawn: Floats) -> list[float] | None:
    """The draws' 95% percentile interval, leaving out those in which the figure doesn't exist.

    None if in all, and where it has no width: one prompt, or prompts that are all alike, don't tell how sure it is.
    """
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return None
    low, high = (float(bound) for bound in np.percentile(known, [2.5, 97.5]))
    return None if np.isclose(low, high, rtol=1e-9, atol=1e-12) else [low, high]


def ratio(
    per_prompt: Floats, above: int, below: int, *, samples: int = RESAMPLES, seed: int = 0
) -> tuple[float | None, list[float] | None]:
    """Column `above` over column `below`, with its interval; None where there is nothing to divide by."""
    total = per_prompt[:, below].sum()
    if not total:
        return None, None
    drawn = resampled(per_prompt[:, [above, below]], samples=samples, seed=seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(per_prompt[:, above].sum() / total), interval(drawn[:, 0] / drawn[:, 1])
