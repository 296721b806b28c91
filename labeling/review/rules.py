"""Which work reviewers look at. Pure."""

from collections.abc import Sequence
from itertools import combinations
from uuid import UUID

from labeling.base.states import ReviewReason
from labeling.quality.agreement.rules.pairs import Ranks, agreement_of
from labeling.ranking_tasks.rules import drawn

FEWEST_DECIDED = 3
"""Comparisons that two people both decided; over fewer of them nobody is said to disagree."""
URGENCY = {reason: place for place, reason in enumerate(ReviewReason)}


def is_drawn(token: UUID, *, percent: int) -> bool:
    """Whether a piece of work is in the random share. The same work is drawn again, whoever asks how often."""
    return drawn(f"review/{token}") < percent / 100


def urgency_of(reasons: Sequence[str]) -> int:
    """The place of the most urgent reason; 0 comes first."""
    return min(URGENCY[ReviewReason(reason)] for reason in reasons)


def disagree(rankings: Sequence[Ranks], *, below_percent: int) -> bool:
    """Whether people who ranked the same completions prefer the same in fewer than so many of 100 comparisons that both
    decided.

    >>> disagree([{1: 1, 2: 2, 3: 3}, {1: 3, 2: 2, 3: 1}], below_percent=50)
    True
    """
    agreement = agreement_of(combinations(rankings, 2))
    return agreement.pairs >= FEWEST_DECIDED and 100 * agreement.same < below_percent * agreement.pairs
