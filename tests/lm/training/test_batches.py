"""Parting and shuffling."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lm.training.batches import parts, shuffled_batches


@given(st.lists(st.integers()), st.integers(1, 10))
def test_parts_hold_everything_in_order(items: list[int], size: int) -> None:
    split = [list(part) for part in parts(items, size)]
    assert [item for part in split for item in part] == items
    assert all(len(part) == size for part in split[:-1])


@given(st.integers(0, 50), st.integers(1, 10), st.integers(1, 3), st.integers(0, 5))
def test_every_epoch_sees_everything_once(count: int, size: int, epochs: int, seed: int) -> None:
    batches = shuffled_batches(range(count), size=size, epochs=epochs, seed=seed)
    seen = [item for batch in batches for item in batch]
    for epoch in range(epochs):
        assert sorted(seen[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_the_seed_and_the_epoch_decide_the_order() -> None:
    def order(seed: int) -> list[list[int]]:
        return [list(batch) for batch in shuffled_batches(range(20), size=20, epochs=2, seed=seed)]

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert order(1)[0] != order(1)[1]


@given(st.lists(st.integers(1, 5), max_size=30), st.integers(0, 5))
def test_the_rankings_of_a_prompt_follow_one_another(prompts: list[int], seed: int) -> None:
    batches = shuffled_batches(prompts, size=7, epochs=1, seed=seed)
    order = [number for batch in batches for number in batch]
    seen = [prompts[number] for number in order]
    assert sorted(order) == list(range(len(prompts)))
    assert sum(one != other for one, other in pairwise(seen)) == max(0, len(set(prompts)) - 1)
