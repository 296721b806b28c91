"""Padding, parting and shuffling."""

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from lm.rendering import Rendered
from rm_trainer.batches import Chosen, collate, parts, shuffled_batches, unique_tokens

CPU = torch.device("cpu")


def rendered(*sequences: list[int]) -> Rendered:
    return Rendered(sequences=tuple(torch.tensor(one, dtype=torch.int32) for one in sequences), dropped=0)


def test_all_sequences_of_all_prompts_are_padded_together() -> None:
    batch = collate([rendered([5, 6, 7], [5]), rendered([8, 9])], CPU)
    assert batch.input_ids.tolist() == [[5, 6, 7], [5, 0, 0], [8, 9, 0]]
    assert batch.attention_mask.tolist() == [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
    assert batch.last.tolist() == [2, 0, 1]


@given(st.lists(st.integers()), st.integers(1, 10))
def test_parts_hold_everything_in_order(items: list[int], size: int) -> None:
    split = [list(part) for part in parts(items, size)]
    assert [item for part in split for item in part] == items
    assert all(len(part) == size for part in split[:-1])


def test_what_all_sequences_begin_with_counts_once() -> None:
    """Prompt 5, 6, 7, then 8 and 9, 9: 3 + 1 + 2 tokens; a single sequence has all of its own."""
    assert unique_tokens(rendered([5, 6, 7, 8], [5, 6, 7, 9, 9])) == 6
    assert unique_tokens(rendered([5, 6, 7, 8])) == 4


def test_choosing_fetches_an_item_when_it_is_asked_for_and_not_before() -> None:
    fetched = []

    class Watched(list[str]):
        def __getitem__(self, number: object) -> str:  # type: ignore[override]
            fetched.append(number)
            return str(super().__getitem__(number))  # type: ignore[call-overload]

    chosen = Chosen(Watched("abcde"), [4, 2, 0, 1])
    share = chosen[1::2]
    assert (len(chosen), len(share), fetched) == (4, 2, [])
    assert list(share) == ["c", "b"]
    assert fetched == [2, 1]


@given(st.integers(0, 50), st.integers(1, 10), st.integers(1, 3), st.integers(0, 5))
def test_every_epoch_sees_everything_once(count: int, size: int, epochs: int, seed: int) -> None:
    batches = shuffled_batches(range(count), prompts=range(count), size=size, epochs=epochs, seed=seed)
    seen = [item for batch in batches for item in batch]
    for epoch in range(epochs):
        assert sorted(seen[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_the_seed_and_the_epoch_decide_the_order() -> None:
    def order(seed: int) -> list[list[int]]:
        return [list(batch) for batch in shuffled_batches(range(20), prompts=range(20), size=20, epochs=2, seed=seed)]

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert order(1)[0] != order(1)[1]


@given(st.lists(st.integers(1, 5), max_size=30), st.integers(0, 5))
def test_the_rankings_of_a_prompt_follow_one_another(prompts: list[int], seed: int) -> None:
    batches = shuffled_batches(range(len(prompts)), prompts=prompts, size=7, epochs=1, seed=seed)
    order = [number for batch in batches for number in batch]
    seen = [prompts[number] for number in order]
    assert sorted(order) == list(range(len(prompts)))
    assert sum(one != other for one, other in pairwise(seen)) == max(0, len(set(prompts)) - 1)
