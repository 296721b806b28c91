"""Ranked pairs against published elections, and against what defines it."""

from itertools import combinations, pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.quality.consensus.rules import Ranks, ranked_pairs

MEMPHIS, NASHVILLE, CHATTANOOGA, KNOXVILLE = 1, 2, 3, 4


def ballots(*groups: tuple[int, str]) -> list[Ranks]:
    """(3, "CABED"): three people put C first, then A. Letters are numbered from A = 1."""
    return [
        {ord(letter) - 64: at for at, letter in enumerate(order, 1)} for count, order in groups for _ in range(count)
    ]


def order(ranks: dict[int, int]) -> str:
    return "".join(chr(64 + item) for item in sorted(ranks, key=ranks.__getitem__))


def test_the_capital_of_tennessee_is_nashville() -> None:
    """The textbook example: nearness to 42, 26, 15 and 17 of a hundred voters, who live in four towns."""
    voters = ballots((42, "ABCD"), (26, "BCDA"), (15, "CDBA"), (17, "DCBA"))
    found = ranked_pairs(voters)
    assert found.ranks == {NASHVILLE: 1, CHATTANOOGA: 2, KNOXVILLE: 3, MEMPHIS: 4}
    margins = {(vote.first, vote.second): vote.margin for vote in found.votes}
    assert margins[NASHVILLE, MEMPHIS] == 16
    assert margins[CHATTANOOGA, KNOXVILLE] == 66
    assert found.overridden == ()


def test_a_circle_is_broken_at_its_weakest_win() -> None:
    """Schulze's 45 voters, who prefer in circles: ranked pairs elects A, Schulze's own method E."""
    voters = ballots(
        (5, "ACBED"), (5, "ADECB"), (8, "BEDAC"), (3, "CABED"), (7, "CAEBD"), (2, "CBADE"), (7, "DCEBA"), (8, "EBADC"),
    )  # fmt: skip
    found = ranked_pairs(voters)
    assert order(found.ranks) == "ACEBD"
    against = {(vote.first, vote.second): vote.margin for vote in found.overridden}
    assert against == {(1, 2): -5, (1, 5): -1, (3, 4): -11}


def test_a_perfect_circle_is_a_tie() -> None:
    found = ranked_pairs(ballots((1, "ABC"), (1, "BCA"), (1, "CAB")))
    assert found.ranks == {1: 1, 2: 1, 3: 1}
    assert {vote.margin for vote in found.votes} <= {1, -1}


def test_what_the_circle_does_not_touch_stays_ordered() -> None:
    found = ranked_pairs(ballots((1, "DABCE"), (1, "DBCAE"), (1, "DCABE")))
    assert found.ranks == {4: 1, 1: 2, 2: 2, 3: 2, 5: 3}


def test_two_who_contradict_each_other_tie_and_their_votes_are_kept() -> None:
    found = ranked_pairs([{1: 1, 2: 2}, {1: 2, 2: 1}])
    assert found.ranks == {1: 1, 2: 1}
    (vote,) = found.votes
    assert (vote.above, vote.below, vote.tied, vote.margin) == (1, 1, 0, 0)


def test_who_is_indifferent_leaves_the_decision_to_the_others() -> None:
    found = ranked_pairs([{1: 1, 2: 1}, {1: 1, 2: 1}, {1: 2, 2: 1}])
    assert found.ranks == {1: 2, 2: 1}
    (vote,) = found.votes
    assert (vote.first, vote.above, vote.below, vote.tied) == (2, 1, 0, 2)


def test_ballots_must_rank_the_same() -> None:
    for wrong in ([], [{1: 1}, {2: 1}]):
        with pytest.raises(ValueError, match="same completions"):
            ranked_pairs(wrong)


DENSE = st.lists(st.integers(1, 4), min_size=4, max_size=4).map(
    lambda ranks: {item: sorted(set(ranks)).index(rank) + 1 for item, rank in enumerate(ranks, 1)}
)


@given(DENSE)
def test_one_ballot_is_its_own_consensus(ballot: Ranks) -> None:
    assert ranked_pairs([ballot]).ranks == ballot
    assert ranked_pairs([ballot] * 3).ranks == ballot


@given(st.lists(DENSE, min_size=1, max_size=7), st.permutations([1, 2, 3, 4]), st.randoms())
def test_neither_people_nor_completions_are_preferred(voters: list[Ranks], names: list[int], chance: object) -> None:
    renamed = [{names[item - 1]: rank for item, rank in ballot.items()} for ballot in reversed(voters)]
    expected = {names[item - 1]: rank for item, rank in ranked_pairs(voters).ranks.items()}
    assert ranked_pairs(renamed).ranks == expected


@given(st.lists(st.permutations([1, 2, 3, 4]), min_size=1, max_size=15))
def test_every_order_against_a_majority_has_a_stronger_way_round(orders: list[list[int]]) -> None:
    """What defines ranked pairs (Zavist and Tideman 1989): whoever stands below by order though a majority prefers it
    is beaten over others, by margins at least as large each."""
    found = ranked_pairs([{item: at for at, item in enumerate(order, 1)} for order in orders])
    margins = {(vote.first, vote.second): vote.margin for vote in found.votes}
    margins |= {(second, first): -margin for (first, second), margin in margins.items()}
    for first, second in combinations(found.ranks, 2):
        upper, lower = sorted((first, second), key=found.ranks.__getitem__)
        against = margins[lower, upper]
        if against > 0:
            assert any(
                all(margins[step] >= against for step in pairwise(way)) for way in ways(upper, lower, list(found.ranks))
            )


def ways(start: int, end: int, items: list[int]) -> list[list[int]]:
    between = [item for item in items if item not in (start, end)]
    return [[start, *middle, end] for size in range(1, len(between) + 1) for middle in permutations(between, size)]
