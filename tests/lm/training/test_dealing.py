"""Who computes what: everything once, as many micro-batches for each, and about as much work at a time."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from lm.training.dealing import deal, own_parts, pack
from lm.training.processes import ALONE, Processes

SIZES = st.lists(st.integers(1, 5000), max_size=40)


@given(sizes=SIZES, budget=st.integers(1, 9000), processes=st.integers(1, 6))
def test_every_item_counts_once_in_as_many_parts_for_each_rank(sizes: list[int], budget: int, processes: int) -> None:
    shares = [
        list(own_parts(sizes, budget=budget, processes=Processes(rank=rank, size=processes)))
        for rank in range(processes)
    ]
    counted = [part for share in shares for part, counts in share if counts]
    assert sorted(number for part in counted for number in part) == list(range(len(sizes)))
    assert len({len(share) for share in shares}) == 1
    assert all(sum(sizes[number] for number in part) <= budget or len(part) == 1 for part in counted)
    assert all(part for share in shares for part, _ in share)


@given(sizes=SIZES.filter(bool), processes=st.integers(2, 6))
def test_no_rank_has_more_work_than_another_by_more_than_the_largest_item(sizes: list[int], processes: int) -> None:
    work = [sum(sizes[number] for number in dealt) for dealt in deal(sizes, processes=processes)]
    assert max(work) - min(work) <= max(sizes)


def test_what_is_computed_at_a_time_is_about_as_long() -> None:
    """1000, 990, 10, 9: the two long ones together and then the two short ones, so that nobody waits."""
    shares = [
        [part for part, _ in own_parts([10, 1000, 990, 9], budget=1000, processes=Processes(rank=rank, size=2))]
        for rank in range(2)
    ]
    assert shares == [[[1], [3]], [[2, 0], [3]]]


def test_a_rank_with_nothing_left_computes_the_smallest_item_which_does_not_count() -> None:
    shares = [list(own_parts([8, 3, 4], budget=4, processes=Processes(rank=rank, size=2))) for rank in range(2)]
    assert shares == [[([0], True), ([1], False)], [([2], True), ([1], True)]]


def test_alone_it_is_the_packing_of_rows() -> None:
    assert list(own_parts([1, 3, 2], budget=3, processes=ALONE)) == [([1], True), ([2, 0], True)]


def test_micro_batches_are_filled_well_on_mixed_lengths() -> None:
    """2,000 prompts between 50 and 700 tokens in micro-batches of 2,048: under 5% of the room is left empty."""
    lengths = torch.randint(50, 700, (2000,), generator=torch.Generator().manual_seed(0)).tolist()
    packed = pack(lengths, 2048)
    assert sorted(item for one in packed for item in one) == list(range(2000))
    assert max(sum(lengths[item] for item in one) for one in packed) <= 2048
    assert sum(lengths) / (2048 * len(packed)) > 0.95


def test_a_prompt_larger_than_the_budget_has_a_micro_batch_of_its_own() -> None:
    assert pack([9, 2, 3], 5) == [[0], [2, 1]]
