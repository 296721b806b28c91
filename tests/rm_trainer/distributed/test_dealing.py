"""Who computes what: everything once, as many parts for each, and about as much work at a time."""

from hypothesis import given
from hypothesis import strategies as st

from rm_trainer.distributed.dealing import deal, own_parts
from rm_trainer.distributed.ranks import ALONE, Ranks

COSTS = st.lists(st.integers(1, 5000), max_size=40)


@given(costs=COSTS, size=st.integers(1, 5), ranks=st.integers(1, 6))
def test_every_item_is_dealt_once_in_as_many_parts_to_each_rank(costs: list[int], size: int, ranks: int) -> None:
    dealt = deal(costs, size=size, ranks=ranks)
    assert sorted(number for rank in dealt for part in rank for number in part) == list(range(len(costs)))
    assert len(dealt) == ranks
    assert len({len(rank) for rank in dealt}) == 1
    assert all(len(part) <= size for rank in dealt for part in rank)


@given(costs=COSTS.filter(bool), ranks=st.integers(2, 6))
def test_no_rank_has_more_work_than_another_by_more_than_the_dearest_item(costs: list[int], ranks: int) -> None:
    work = [sum(costs[number] for part in rank for number in part) for rank in deal(costs, size=1, ranks=ranks)]
    assert max(work) - min(work) <= max(costs)


def test_what_is_computed_at_a_time_is_about_as_long() -> None:
    """Lengths 1000, 990, 10, 9: the two long ones together and then the two short ones, so that nobody waits."""
    assert deal([10, 1000, 990, 9], size=1, ranks=2) == [[[1], [3]], [[2], [0]]]


def test_a_rank_with_nothing_left_computes_the_cheapest_item_which_does_not_count() -> None:
    items = ["long one", "one", "two"]
    shares = [list(own_parts(items, len, size=1, ranks=Ranks(rank=rank, size=2))) for rank in range(2)]
    assert shares == [[(["long one"], True), (["one"], False)], [(["one"], True), (["two"], True)]]


def test_alone_the_order_stays() -> None:
    assert [list(part) for part, _ in own_parts([1, 3, 2], int, size=2, ranks=ALONE)] == [[1, 3], [2]]
