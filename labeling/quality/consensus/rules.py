"""One order out of several people's, by ranked pairs. Pure.

Tideman (1987), Independence of clones as a criterion for voting rules.

Each ranking is a ballot. Of two completions the one that more people put above the other wins, by a margin of so many
people. The wins are locked in from the largest margin on; one that would close a circle with those before it is
overridden. The completions that nobody locked beats come first, then those that only they beat, and so on.

Tideman breaks ties by chance. Here no person and no completion is preferred: of wins by the same margin, those that
form a circle with each other are all left out, so that what they order is tied. One ballot is its own consensus.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

Ranks = Mapping[int, int]
"""Completion id → rank, 1 is best; equal ranks are a tie."""


@dataclass(frozen=True, kw_only=True)
class PairVote:
    """How many people put `first` above `second`, `second` above `first`, and neither above the other."""

    first: int
    second: int
    above: int
    below: int
    tied: int

    @property
    def margin(self) -> int:
        """By how many people `first` wins; negative where `second` does."""
        return self.above - self.below


@dataclass(frozen=True, kw_only=True)
class Consensus:
    """`ranks` are dense from 1. `votes` has each pair once, the one that stands above as `first`; of tied ones that of
    the lower id. `overridden` are those of them in which fewer people agree with the order than with its contrary.
    """

    ranks: dict[int, int]
    votes: tuple[PairVote, ...]

    @property
    def overridden(self) -> tuple[PairVote, ...]:
        return tuple(vote for vote in self.votes if vote.margin < 0)


def ranked_pairs(ballots: Sequence[Ranks]) -> Consensus:
    """The consensus of the ballots, which all rank the same completions. Raises ValueError where they don't, and
    without a ballot.

    >>> ranked_pairs([{1: 1, 2: 2, 3: 3}, {1: 1, 2: 2, 3: 2}, {1: 2, 2: 1, 3: 3}]).ranks
    {1: 1, 2: 2, 3: 3}
    """
    if not ballots or any(ballot.keys() != ballots[0].keys() for ballot in ballots):
        raise ValueError("Ballots of the same completions are needed, at least one.")
    items = sorted(ballots[0])
    counted = [_vote(ballots, one, other) for one, other in combinations(items, 2)]
    ranks = _ranks(items, _locked(counted))
    votes = (vote if ranks[vote.first] <= ranks[vote.second] else _turned(vote) for vote in counted)
    return Consensus(ranks=ranks, votes=tuple(votes))


def _vote(ballots: Sequence[Ranks], one: int, other: int) -> PairVote:
    above = sum(ballot[one] < ballot[other] for ballot in ballots)
    below = sum(ballot[one] > ballot[other] for ballot in ballots)
    return PairVote(first=one, second=other, above=above, below=below, tied=len(ballots) - above - below)


def _turned(vote: PairVote) -> PairVote:
    return PairVote(first=vote.second, second=vote.first, above=vote.below, below=vote.above, tied=vote.tied)


Beats = dict[int, set[int]]
"""Completion → those that it beats."""


def _locked(votes: Iterable[PairVote]) -> Beats:
    """The wins that are locked in: they form no circle."""
    locked: Beats = {}
    wins = [vote if vote.margin > 0 else _turned(vote) for vote in votes if vote.margin]
    by_margin = sorted(wins, key=lambda win: -win.margin)
    for _margin, together in groupby(by_margin, key=lambda win: win.margin):
        fitting = [win for win in together if not _reaches(locked, win.second, win.first)]
        with_all = {item: set(beaten) for item, beaten in locked.items()}
        for win in fitting:
            with_all.setdefault(win.first, set()).add(win.second)
        for win in fitting:
            if not _reaches(with_all, win.second, win.first):
                locked.setdefault(win.first, set()).add(win.second)
    return locked


def _reaches(beats: Beats, start: int, end: int) -> bool:
    """Whether `start` beats `end`, at one remove or over others."""
    seen, waiting = {start}, [start]
    while waiting:
        item = waiting.pop()
        if item == end:
            return True
        fresh = beats.get(item, set()) - seen
        seen |= fresh
        waiting += fresh
    return False


def _ranks(items: Sequence[int], locked: Beats) -> dict[int, int]:
    """Those that nothing beats are first; taken away, those that nothing else beats are second, and so on."""
    ranks: dict[int, int] = {}
    left = set(items)
    for rank in range(1, len(items) + 1):
        beaten = {loser for winner in left for loser in locked.get(winner, set())}
        ranks |= dict.fromkeys(left - beaten, rank)
        left &= beaten
    return {item: ranks[item] for item in items}
