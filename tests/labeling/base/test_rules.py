"""Level 0: rules without Django, by example and by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.base.states import CampaignState, IllegalMove, LabelerState, ModelState, check_move
from labeling.base.text import UnstorableText, clean_text
from labeling.campaigns.rules.near_duplicates import prompt_key
from labeling.campaigns.rules.splits import split_of
from labeling.desk.ranking.rules.judgements import InvalidRanking, check_covers, check_quality
from labeling.desk.ranking.rules.pairs import densify, usable_pairs
from lm.snapshot.records.constants import SPLITS

ranks = st.lists(st.integers(1, 9), min_size=1, max_size=9)


def test_k_of_9_makes_36_pairs_a_tie_of_two_among_4_makes_5_and_all_tied_none() -> None:
    assert len(usable_pairs(range(9))) == 36
    assert len(usable_pairs([1, 2, 2, 3])) == 5
    assert usable_pairs([1, 1, 1, 1]) == []


@given(ranks)
def test_every_pair_has_the_better_one_first(given_ranks: list[int]) -> None:
    for better, worse in usable_pairs(given_ranks):
        assert given_ranks[better] < given_ranks[worse]


@given(st.dictionaries(st.integers(), st.integers(), min_size=1))
def test_densifying_keeps_order_and_ties_and_leaves_no_gap(given_ranks: dict[int, int]) -> None:
    dense = densify(given_ranks)
    assert set(dense.values()) == set(range(1, len(set(given_ranks.values())) + 1))
    for left, left_rank in given_ranks.items():
        for right, right_rank in given_ranks.items():
            assert (left_rank < right_rank) == (dense[left] < dense[right])


@pytest.mark.parametrize(
    ("shown", "says"),
    [([1, 2], "no rank yet"), ([1, 2, 2, 3], "ranked twice"), ([1, 2, 3, 4], "do not belong"), ([], "no rank yet")],
)
def test_a_ranking_that_misses_repeats_or_invents_is_refused(shown: list[int], says: str) -> None:
    with pytest.raises(InvalidRanking, match=says):
        check_covers(expected=[1, 2, 3], given=shown)


@pytest.mark.parametrize("quality", [0, 8, -1])
def test_quality_outside_1_to_7_is_refused(quality: int) -> None:
    with pytest.raises(InvalidRanking, match="outside the scale"):
        check_quality(quality)


@given(st.text(min_size=1))
def test_a_submitter_is_in_one_split_always(submitter: str) -> None:
    try:
        submitter.encode()
    except UnicodeEncodeError:
        return
    assert split_of(submitter) in SPLITS
    assert split_of(submitter) == split_of(submitter)


def test_splits_are_80_10_10() -> None:
    counts = dict.fromkeys(SPLITS, 0)
    for number in range(10_000):
        counts[split_of(f"submitter {number}")] += 1
    assert 7800 < counts["train"] < 8200
    assert 850 < counts["valid"] < 1150
    assert 850 < counts["test"] < 1150


def key(text: str) -> str:
    return prompt_key([{"role": "user", "content": text}])


def test_prompts_with_a_long_common_prefix_are_near_duplicates_and_short_ones_only_when_equal() -> None:
    assert key("x" * 300 + "one") == key("x" * 300 + "two")
    assert key("Name a fruit.") == key("  name  A fruit.")
    assert key("Name a fruit.") != key("Name a fruit!")
    assert key("长" * 150 + "一") == key("长" * 150 + "二")
    assert key("长" * 50 + "一") != key("长" * 50 + "二")


def test_moves_of_one_noun_do_not_mix_with_another_nouns() -> None:
    check_move(old=LabelerState.SUSPENDED, new=LabelerState.ACTIVE)
    check_move(old=CampaignState.ACTIVE, new=CampaignState.PAUSED)
    with pytest.raises(IllegalMove, match="active can't become screening"):
        check_move(old=LabelerState.ACTIVE, new=LabelerState.SCREENING)
    with pytest.raises(IllegalMove, match="current can't become current"):
        check_move(old=ModelState.CURRENT, new=ModelState.CURRENT)


def test_text_that_postgres_cannot_hold_is_refused_with_its_place() -> None:
    assert clean_text("a\r\nb\rc") == "a\nb\nc"
    with pytest.raises(UnstorableText, match=r"Character 2 is U\+0000"):
        clean_text("a\0b")
    with pytest.raises(UnstorableText, match=r"U\+D800"):
        clean_text("\ud800")
