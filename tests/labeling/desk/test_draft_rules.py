"""Drafts as pure data: any shape that was stored can be read, and only lists of texts are taken."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.base.language import in_language
from labeling.desk.rules.drafts import (
    LONGEST_DRAFT,
    DraftTooLong,
    InvalidDraft,
    KeptJudgement,
    as_lists,
    draft_of,
    kept_judgements,
    kept_text,
    letter_of,
    parse_draft,
    storable,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.slow
@given(st.dictionaries(st.text(), JSON))
def test_whatever_was_stored_can_be_read(stored: dict[str, Any]) -> None:
    assert all(isinstance(text, str) for texts in as_lists(stored).values() for text in texts)
    kept_text(stored)
    kept_judgements(stored, k=9)


@given(st.dictionaries(st.text(), st.lists(st.text())))
def test_a_draft_read_back_is_the_draft(draft: dict[str, list[str]]) -> None:
    once = parse_draft(draft)
    assert parse_draft(once) == once == as_lists(once)


@given(st.text())
def test_a_storable_text_is_left_as_it_is(text: str) -> None:
    changed = storable(text)
    changed.encode()
    assert "\0" not in changed
    assert len(changed) == len(text)
    if "\0" not in text:
        assert changed == text


@pytest.mark.parametrize("value", [None, 1, "text", [], {"a": "b"}, {"a": [1]}, {"a": {"b": []}}])
def test_other_shapes_are_refused(value: object) -> None:
    with pytest.raises(InvalidDraft):
        parse_draft(value)


def test_a_draft_has_a_limit_which_is_named() -> None:
    parse_draft({"text": ["x" * LONGEST_DRAFT]})
    with pytest.raises(DraftTooLong, match="1,000,000"):
        parse_draft({"text": ["x" * LONGEST_DRAFT, "y"]})


def test_the_safety_token_is_left_out() -> None:
    assert draft_of([("csrfmiddlewaretoken", ["secret"]), ("note", ["n"])]) == {"note": ["n"]}


def test_kept_judgements_name_only_what_was_entered() -> None:
    draft = {"1-rank": ["2"], "3-note": ["Odd."], "4-flags": ["x"], "4-note": [""]}
    assert kept_judgements(draft, k=4) == [
        KeptJudgement(letter="A", rank="2", quality="", note=""),
        KeptJudgement(letter="C", rank="", quality="", note="Odd."),
    ]


def test_letters_go_from_a_to_i() -> None:
    assert [letter_of(position) for position in range(1, 10)] == list("ABCDEFGHI")


@pytest.mark.parametrize(
    ("texts", "language", "shown"),
    [
        ({"en": "Tie", "zh-hans": "并列"}, "zh-hans", "并列"),
        ({"en": "Tie", "zh": "并列"}, "zh-hans", "并列"),
        ({"en": "Tie"}, "zh-hans", "Tie"),
        ({"de": "Gleichstand"}, "zh-hans", "Gleichstand"),
        ({"zh-hans": "", "en": "Tie"}, "zh-hans", "Tie"),
        ({}, "en", ""),
    ],
)
def test_the_nearest_language_is_shown(texts: dict[str, str], language: str, shown: str) -> None:
    assert in_language(texts, language) == shown
