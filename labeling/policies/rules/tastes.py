"""How often a known taste prefers the answers of one policy to those of another. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from rm_trainer.evaluation.bootstrap import places, ratio, sums

Score = Callable[[str], float]
Answers = Sequence[Sequence[str]]
"""Of each prompt the answers of one policy, as many of every one."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """`win_rate`: of the first policy, a tie counting one half. `interval` is 95%, by a bootstrap over prompts; None
    where there are too few to tell. `first` and `second` are the mean scores that the taste gives.
    """

    prompts: int
    pairs: int
    won: int
    tied: int
    win_rate: float
    interval: list[float] | None
    first: float
    second: float


def compare(first: Answers, second: Answers, taste: Score) -> Compared:
    """Answer i of a prompt against answer i of the other policy. There is at least one prompt."""
    numbers, wins, ties = [], [], []
    for number, (ours, theirs) in enumerate(zip(first, second, strict=True)):
        for one, other in zip(ours, theirs, strict=True):
            numbers.append(number)
            wins.append(taste(one) > taste(other))
            ties.append(taste(one) == taste(other))
    points = [won + tied / 2 for won, tied in zip(wins, ties, strict=True)]
    rate, interval = ratio(sums(places(numbers), points, [1.0] * len(points)), 0, 1, samples=1000)
    assert rate is not None  # there are pairs
    return Compared(
        prompts=len(first),
        pairs=len(points),
        won=sum(wins),
        tied=sum(ties),
        win_rate=rate,
        interval=interval,
        first=fmean(taste(text) for texts in first for text in texts),
        second=fmean(taste(text) for texts in second for text in texts),
    )
