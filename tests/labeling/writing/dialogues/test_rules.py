"""The turns of a dialogue: whatever a draft holds can be read, and each fault names its turn."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.base.text import LONGEST_TURN
from labeling.writing.dialogues.rules import (
    MOST_TURNS,
    Fault,
    Turn,
    as_draft,
    faults_of,
    messages_before,
    turns_in,
    with_added,
    with_changed,
    with_system,
    without,
)

TURNS = st.lists(
    st.builds(
        Turn,
        role=st.sampled_from(["system", "user", "assistant"]),
        text=st.text(),
        request=st.text(),
        suggestion=st.text(),
    ),
    min_size=1,
    max_size=MOST_TURNS,
)


@given(TURNS)
def test_turns_read_back_are_the_turns(turns: list[Turn]) -> None:
    assert turns_in(as_draft(turns)) == turns


@given(st.dictionaries(st.sampled_from(["1-role", "2-role", "1-text", "2-text", "x"]), st.none() | st.lists(st.text())))
def test_any_draft_can_be_read(draft: dict[str, Any]) -> None:
    assert turns_in(draft)


def test_a_new_dialogue_begins_with_a_question_and_an_answer() -> None:
    assert [turn.role for turn in turns_in({})] == ["user", "assistant"]


def dialogue(*roles_and_texts: str) -> list[Turn]:
    roles = {"U": "user", "A": "assistant", "S": "system"}
    return [Turn(role=roles[each[0]], text=each[1:]) for each in roles_and_texts]


@pytest.mark.parametrize(
    ("turns", "faults"),
    [
        (["Uhi", "Ahello"], []),
        (["Sbe kind", "Uhi", "Ahello", "Ubye", "Abye"], []),
        (["Uhi", "A \n"], [(2, Fault.EMPTY)]),
        (["Uhi", "Ahello", "Ubye"], [(3, Fault.USER_LAST)]),
        (["Uhi", "Uhi", "Ahello"], [(2, Fault.SAME_ROLE)]),
        (["Ahello"], [(1, Fault.ASSISTANT_FIRST)]),
        (["Sbe kind", "Ahello"], [(2, Fault.ASSISTANT_FIRST)]),
        (["Uhi", "Sbe kind", "Ahello"], [(2, Fault.SYSTEM_LATE), (3, Fault.ASSISTANT_FIRST)]),
        (["U" + "x" * (LONGEST_TURN + 1), "A"], [(1, Fault.TOO_LONG), (2, Fault.EMPTY)]),
    ],
)
def test_faults_name_their_turn(turns: list[str], faults: list[tuple[int, Fault]]) -> None:
    assert [(each.position, each.fault) for each in faults_of(dialogue(*turns))] == faults


def test_turns_are_added_removed_and_changed() -> None:
    turns = dialogue("Uhi", "Ahello")
    assert [turn.role for turn in with_added(turns)] == ["user", "assistant", "user"]
    assert [turn.role for turn in with_system(with_system(turns))] == ["system", "user", "assistant"]
    assert without(turns, 1) == dialogue("Ahello")
    assert with_changed(turns, 2, text="hey") == dialogue("Uhi", "Ahey")
    assert messages_before(turns, 2) == [{"role": "user", "content": "hi"}]
