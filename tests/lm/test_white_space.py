"""One rule for the white space of answers, whichever way they come in."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.prompt_format import plain_completion
from lm.white_space import comparable, kept_answer


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("    return x\n", "    return x"),
        ("\n \n\tdef f():\n\t\tpass\n\n", "\tdef f():\n\t\tpass"),
        (" Paris.", "Paris."),
        ("\r\n- a\r\n  - b  \r\nc", "- a\n  - b  \nc"),
        (" \n\t ", ""),
    ],
)
def test_indentation_stays_and_what_nobody_sees_goes(written: str, kept: str) -> None:
    assert kept_answer(written) == kept


def test_answers_that_differ_in_indentation_are_two() -> None:
    good = "for x in xs:\n    s += x\nreturn s"
    bad = "for x in xs:\n    s += x\n    return s"
    assert comparable(good) != comparable(bad)
    assert comparable(good) == comparable(good.replace("xs:\n", "xs:  \n").replace("s += x", "s  +=  x") + "\n")
    assert comparable("cafe\u0301") == comparable("caf\u00e9")


def test_what_a_base_model_writes_keeps_its_indentation() -> None:
    assert plain_completion("     return x\n\nUser: thanks") == "    return x"
    assert plain_completion(" Paris.\n\nUser:") == "Paris."


def test_a_hundred_thousand_blanks_take_no_time() -> None:
    began = time.process_time()
    comparable("a" + " " * 100_000 + "b" + "\n" * 100_000)
    assert time.process_time() - began < 1


@given(st.text())
def test_the_rule_applied_twice_changes_nothing_more(text: str) -> None:
    once = kept_answer(text)
    assert kept_answer(once) == once
    assert comparable(comparable(text)) == comparable(text)
