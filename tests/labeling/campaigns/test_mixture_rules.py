"""How a task's K completions are shared out, and how people write it."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.campaigns.mixture.rules import BadMixture, MixturePart, lines_of, parts_of, slots_of

VERSIONS = {"policy-1": 1, "policy 2": 2}
A, B, C = (
    MixturePart(share=share, model=model, temperature=None, top_p=None) for share, model in ((2, 1), (1, 2), (1, 3))
)


@given(k=st.integers(4, 9), percent=st.integers(0, 100), draw=st.floats(0, 1, exclude_max=True))
def test_every_draw_gives_k_and_each_part_its_share_rounded(k: int, percent: int, draw: float) -> None:
    slots = slots_of(parts=[A, B, C], k=k, best_of_percent=percent, best_of=8, draw=draw)
    assert sum(each.count for each in slots) == k
    assert all(each.best_of in ({8} if percent == 100 else {1} if percent == 0 else {1, 8}) for each in slots)
    of_model = Counter(dict.fromkeys((1, 2, 3), 0))
    for each in slots:
        assert each.part["model"] is not None
        of_model[each.part["model"]] += each.count
    for model, share in ((1, k / 2), (2, k / 4), (3, k / 4)):
        assert abs(of_model[model] - share) < 1 + 1e-9


def test_over_many_draws_each_gets_exactly_its_share() -> None:
    """K = 5, half from one model, a fifth of all picked: 5 × ½ × ⅘ = 2 plain ones of it a task, 0.5 picked ones."""
    counted: Counter[tuple[int | None, int]] = Counter()
    draws = 1000
    for number in range(draws):
        for each in slots_of(parts=[A, B, C], k=5, best_of_percent=20, best_of=4, draw=(number + 0.5) / draws):
            counted[each.part["model"], each.best_of] += each.count
    means = {key: count / draws for key, count in counted.items()}
    assert means == pytest.approx({(1, 1): 2, (1, 4): 0.5, (2, 1): 1, (2, 4): 0.25, (3, 1): 1, (3, 4): 0.25}, abs=0.01)


def test_lines_are_read_and_written_alike() -> None:
    parts = parts_of(" 3 current\n\n1 policy 2 T=0.7 top-p=0.9\n", versions=VERSIONS)
    assert parts == [
        {"share": 3, "model": None, "temperature": None, "top_p": None},
        {"share": 1, "model": 2, "temperature": 0.7, "top_p": 0.9},
    ]
    text = lines_of(parts, names={number: name for name, number in VERSIONS.items()})
    assert text == "3 current\n1 policy 2 T=0.7 top-p=0.9"
    assert parts_of(text, versions=VERSIONS) == parts
    assert parts_of("", versions=VERSIONS) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("current", "does not begin with a share"),
        ("0 current", "does not begin with a share"),
        ("1.5 current", "does not begin with a share"),
        ("1", "no SFT model version “”"),
        ("1 policy-9", "no SFT model version “policy-9”"),
        ("1 current T=3", "T is a number from 0 to 2"),
        ("1 current top-p=nan", "top-p is a number from 0.01 to 1"),
        ("1 current k=3", "no SFT model version “current k=3”"),
        ("1 current\n" * 9, "at most 8"),
    ],
)
def test_what_says_no_part_is_refused_with_the_line(line: str, words: str) -> None:
    with pytest.raises(BadMixture, match=words):
        parts_of(line, versions=VERSIONS)
