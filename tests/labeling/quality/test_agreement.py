"""Agreement and changes of texts: pure."""

from hypothesis import given
from hypothesis import strategies as st

from labeling.campaigns.rules.text_changes import Change, changed_lines
from labeling.quality.agreement.rules.pairs import Agreement, agreement_of
from lm.snapshot.records.constants import FEWEST_PAIRS

RANKS = st.lists(st.integers(1, 9), min_size=2, max_size=9).map(lambda ranks: dict(enumerate(ranks)))


def test_ties_of_either_are_left_out() -> None:
    """1<2<3 against 1=2<3: the pair (1, 2) is nobody's disagreement; (1, 3) and (2, 3) are the same."""
    assert agreement_of([({1: 1, 2: 2, 3: 3}, {1: 1, 2: 1, 3: 2})]) == Agreement(same=2, pairs=2)


def test_only_completions_that_both_ranked_count() -> None:
    assert agreement_of([({1: 1, 2: 2}, {2: 1, 3: 2})]) == Agreement(same=0, pairs=0)


def test_a_share_of_few_pairs_is_not_said() -> None:
    assert Agreement(same=1, pairs=FEWEST_PAIRS - 1).share is None
    assert Agreement(same=FEWEST_PAIRS, pairs=FEWEST_PAIRS).percent == 100


@given(RANKS)
def test_everybody_agrees_with_themselves_and_never_with_their_reverse(ranks: dict[int, int]) -> None:
    itself = agreement_of([(ranks, ranks)])
    reverse = agreement_of([(ranks, {completion: -rank for completion, rank in ranks.items()})])
    assert itself.same == itself.pairs == reverse.pairs
    assert reverse.same == 0


@given(RANKS, RANKS)
def test_agreement_is_mutual(mine: dict[int, int], theirs: dict[int, int]) -> None:
    assert agreement_of([(mine, theirs)]) == agreement_of([(theirs, mine)])


def test_a_changed_line_is_one_that_went_and_one_that_came() -> None:
    changes = changed_lines("# 规则\n\n先打分。\n再排序。", "# 规则\n\n先打分。\n再排序，可以并列。")
    assert changes == [Change(kind="removed", text="再排序。"), Change(kind="added", text="再排序，可以并列。")]


@given(st.text())
def test_a_text_has_not_changed_from_itself(text: str) -> None:
    assert changed_lines(text, text) == []
