"""How strictly a person rates, beside the others who rated the same completions. Pure."""

from dataclasses import dataclass
from math import sqrt

from lm.snapshot.records.constants import FEWEST_PAIRS


@dataclass(kw_only=True)
class RatingSums:
    """Ratings of completions that somebody else rated too: own and theirs, added up, with squares."""

    rated: int = 0
    own: float = 0.0
    own_squares: float = 0.0
    theirs: float = 0.0
    theirs_squares: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Rating:
    """`severity`: how many points lower they rate than others (negative: higher). `spread`: the standard deviation of
    their ratings over that of the others', 1 where both use the scale alike."""

    severity: float
    spread: float | None
    rated: int


def rating_of(sums: RatingSums) -> Rating | None:
    """None: not enough data."""
    if sums.rated < FEWEST_PAIRS:
        return None
    own, theirs = (
        sqrt(max(0.0, squares / sums.rated - (total / sums.rated) ** 2))
        for total, squares in ((sums.own, sums.own_squares), (sums.theirs, sums.theirs_squares))
    )
    return Rating(
        severity=(sums.theirs - sums.own) / sums.rated, spread=own / theirs if theirs else None, rated=sums.rated
    )
