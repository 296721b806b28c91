"""How much personal data is found, and how much of what is found is right, on the labelled set beside this file."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.conversations.rules.personal_data.finding import find_personal_data, kinds_in, mask
from labeling.conversations.rules.personal_data.kinds import Finding, PersonalData

SET = Path(__file__).with_name("personal_data.txt")
MARKED = re.compile(r"⟦(?P<kind>[a-z ]+):(?P<text>[^⟧]+)⟧")
# The finders reach 0.946 and 0.989; a change may not fall below these.
RECALL, PRECISION = 0.93, 0.97


def read(line: str) -> tuple[str, set[Finding]]:
    """The text without its marks, and what they mark."""
    text, marked, position = "", set(), 0
    for match in MARKED.finditer(line):
        text += line[position : match.start()]
        marked.add(Finding(PersonalData(match["kind"]), len(text), len(text) + len(match["text"])))
        text += match["text"]
        position = match.end()
    return text + line[position:], marked


LINES = [read(line) for line in SET.read_text().splitlines() if not line.startswith("#")]


def test_recall_and_precision_on_the_labelled_set() -> None:
    right: Counter[str] = Counter()
    marked_of: Counter[str] = Counter()
    wrong = []
    for text, marked in LINES:
        found = set(find_personal_data(text))
        marked_of.update(each.kind for each in marked)
        right.update(each.kind for each in marked & found)
        wrong += [f"{each.kind}: {text[each.start : each.end]} in: {text}" for each in found ^ marked]
    found_in_all = sum(len(find_personal_data(text)) for text, _ in LINES)
    assert set(marked_of) == set(PersonalData)
    assert right.total() / marked_of.total() >= RECALL, wrong
    assert right.total() / found_in_all >= PRECISION, wrong
    assert min(right[kind] / marked_of[kind] for kind in PersonalData) >= 0.8, wrong


def test_a_masked_text_keeps_all_but_what_is_personal() -> None:
    assert mask("Hi, I'm Kim (kim@example.org).\nCall +1 650 253 0000!") == "Hi, I'm Kim ([email]).\nCall [phone]!"
    assert mask("身份证110105199003076371，谢谢") == "身份证[national id]，谢谢"
    assert kinds_in(["nothing", "kim@example.org and li@example.org"]) == [PersonalData.EMAIL]


@pytest.mark.parametrize("number", ["4539807302157368", "110105199003076372", "DE89370400440532013001", "000-12-3456"])
def test_a_wrong_checksum_is_no_finding(number: str) -> None:
    assert mask(f"It is {number}, you see.") == f"It is {number}, you see."


@given(st.text(max_size=300))
def test_nothing_is_found_twice_and_a_masked_text_has_nothing_left_of_it(text: str) -> None:
    found = find_personal_data(text)
    assert all(0 <= each.start < each.end <= len(text) for each in found)
    assert all(first.end <= second.start for first, second in pairwise(found))
    pieces = [text[each.start : each.end] for each in found]
    assert len(mask(text)) == len(text) + sum(len(f"[{each.kind}]") for each in found) - sum(map(len, pieces))
