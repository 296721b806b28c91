"""What one ranking shows of its labeler's habits: whether place, length or others' rankings explain it. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

FEWEST_IN_SHOWN_ORDER = 3
"""Two completions are in the shown order half of the time."""


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """One labeler's ranking of a task. `ranks` by completion, in an order that all rankings of the task share;
    `shown`: where each of them was shown, from 1. `seconds`: at work on it; None where it is not known."""

    labeler: int
    ranks: Sequence[int]
    shown: Sequence[int]
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class RankedTask:
    """All rankings of a task that count, in the order in which they were handed in; lengths in characters.

    `usual_seconds`: the median of its campaign for so many completions, which pace is measured by.
    """

    task: int
    lengths: Sequence[int]
    rankings: Sequence[Ranked]
    usual_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Place:
    """`first_is_best`: 1 where the completion shown first is ranked first, a part of it where several are.
    `by_chance`: what that is on average when the order shown is drawn. `earlier_wins` of `pairs`, ties left out."""

    first_is_best: float
    by_chance: float
    earlier_wins: int
    pairs: int
    in_shown_order: bool | None
    """Whether the ranking is just the order shown; None for two completions."""
    in_shown_order_by_chance: float


def place_of(one: Ranked) -> Place:
    k = len(one.ranks)
    best = [rank == 1 for rank in one.ranks]
    first = best[one.shown.index(1)]
    orders = [
        (one.shown[a] < one.shown[b]) == (one.ranks[a] < one.ranks[b])
        for a, b in combinations(range(k), 2)
        if one.ranks[a] != one.ranks[b]
    ]
    is_whole = k >= FEWEST_IN_SHOWN_ORDER
    return Place(
        first_is_best=first / sum(best),
        by_chance=1 / k,
        earlier_wins=sum(orders),
        pairs=len(orders),
        in_shown_order=tuple(one.ranks) == tuple(one.shown) if is_whole else None,
        in_shown_order_by_chance=1 / math.factorial(k) if is_whole else 0.0,
    )


def earlier_by_others(one: Ranked, others: Sequence[Ranked]) -> float:
    """Of the pairs that the labeler orders: how many more than half of them the others give to the completion that this
    labeler was shown earlier; the mean over the others, in whose ties nobody wins.

    The others were shown another order, so that this says where good completions happened to stand.
    """
    lead = 0
    for a, b in combinations(range(len(one.ranks)), 2):
        if one.ranks[a] != one.ranks[b]:
            earlier, later = (a, b) if one.shown[a] < one.shown[b] else (b, a)
            for other in others:
                difference = other.ranks[later] - other.ranks[earlier]
                lead += (difference > 0) - (difference < 0)
    return lead / 2 / len(others) if others else 0.0


def ties_by_place(one: Ranked) -> Iterator[tuple[int, int, int]]:
    """(place shown, pairs with the completion shown there that are tied, all pairs with it)."""
    for rank, place in zip(one.ranks, one.shown, strict=True):
        yield place, sum(rank == other for other in one.ranks) - 1, len(one.ranks) - 1


@dataclass(frozen=True, kw_only=True)
class Length:
    """`longer_wins` of `pairs`: of those that the labeler orders and whose lengths differ.

    `for_longer` and `for_shorter`: where labeler and others order a pair differently, how often the labeler is for the
    longer and for the shorter one. Good answers are often long, for everybody: only this tells a habit from the truth.
    `same_longer` and `same_shorter`: where they order it alike, which one both prefer.
    """

    longer_wins: int
    pairs: int
    for_longer: int
    for_shorter: int
    same_longer: int
    same_shorter: int


def length_of(one: Ranked, others: Sequence[Ranked], lengths: Sequence[int]) -> Length:
    longer_wins = pairs = 0
    against, together = [0, 0], [0, 0]  # [for the shorter, for the longer]
    for a, b in combinations(range(len(lengths)), 2):
        mine = one.ranks[a] - one.ranks[b]
        if lengths[a] == lengths[b] or not mine:
            continue
        longer = (mine < 0) == (lengths[a] > lengths[b])
        pairs += 1
        longer_wins += longer
        for other in others:
            product = (other.ranks[a] - other.ranks[b]) * mine
            against[longer] += product < 0
            together[longer] += product > 0
    return Length(
        longer_wins=longer_wins, pairs=pairs, for_longer=against[1], for_shorter=against[0],
        same_longer=together[1], same_shorter=together[0],
    )  # fmt: skip


def like_earlier_ones(one: Ranked, earlier: Sequence[Ranked]) -> int:
    """How many had handed in the very same ranking before. Of how many says whether that is much: whoever always comes
    last meets more of them."""
    return sum(tuple(one.ranks) == tuple(each.ranks) for each in earlier)


def agreement_with(one: Ranked, others: Sequence[Ranked]) -> tuple[int, int]:
    """(pairs ordered the same way, pairs that both order), over all others."""
    same = strict = 0
    for a, b in combinations(range(len(one.ranks)), 2):
        mine = one.ranks[a] - one.ranks[b]
        for other in others:
            theirs = other.ranks[a] - other.ranks[b]
            if mine and theirs:
                strict += 1
                same += (mine > 0) == (theirs > 0)
    return same, strict
