"""The same figures for parts of a split."""

from typing import Any

import pytest

from rm_trainer.evaluation.comparisons import comparisons_of
from rm_trainer.evaluation.metrics import Outcome, summarise
from rm_trainer.evaluation.slices import slices
from tests.rm_trainer.outcomes import outcome


def sliced(*outcomes: Outcome) -> dict[str, dict[str, Any]]:
    return slices(outcomes, comparisons_of(outcomes))


def test_rankings_are_parted_by_what_they_are() -> None:
    made = sliced(
        outcome(1, (3.0, 2.0, 1.0), use_case="chat", language="en", policies=("sft-1",), labeler="L1"),
        outcome(2, (1.0, 2.0), language="zh", policies=("sft-1", "sft-2"), labeler="L2"),
        outcome(3, tuple(range(10, 0, -1)), use_case="chat", labeler="L2"),
    )
    assert list(made["completions"]) == ["2", "3", "10"]
    assert list(made["use_case"]) == ["chat", "unknown"]
    assert made["language"].keys() == {"en", "zh", "unknown"}
    assert made["policy"].keys() == {"sft-1", "sft-1, sft-2", "unknown"}
    assert made["use_case"]["chat"]["pair_accuracy"] == 1
    assert made["labeler"]["L2"]["pair_accuracy"] == pytest.approx(45 / 46)
    assert made["labeler"]["L2"]["prompt_accuracy"] == pytest.approx(1 / 2)


def test_a_part_of_everything_is_the_whole() -> None:
    outcomes = [outcome(number, (1.0, number % 3, 0.5)) for number in range(1, 9)]
    (part,) = sliced(*outcomes)["use_case"].values()
    whole = summarise(outcomes, bootstrap_samples=200)
    assert part.keys() == whole.keys()
    for name, value in whole.items():
        assert part[name] == pytest.approx(value), name


def test_quartiles_are_of_the_longest_sequence() -> None:
    made = sliced(*(outcome(number, (2.0, 1.0), (1, number)) for number in range(1, 9)))
    assert {name: part["rankings"] for name, part in made["length"].items()} == {"1": 2, "2": 2, "3": 2, "4": 2}


def test_pairs_are_parted_by_strength_where_the_labeler_was_asked() -> None:
    """Steps 3 and 2 between three ranks: pairs of strength 3, 2 and min(5, 4) = 4. The model has the weak one wrong."""
    made = sliced(outcome(1, (3.0, 1.0, 2.0), strengths=(3, 2)))
    accuracies = {name: part["pair_accuracy"] for name, part in made["strength"].items()}
    assert accuracies == {"2": 0, "3": 1, "4": 1}
    assert made["rank_distance"] == {}


def test_pairs_are_parted_by_rank_distance_where_nobody_asked() -> None:
    """Four in order, the model has only the first and the last right: of three neighbours none, of two at a distance
    of two none, of one at three it has the one.
    """
    made = sliced(outcome(1, (4.0, 5.0, 6.0, 3.0), ranks=(1, 2, 3, 4)))
    assert {name: (part["pairs"], part["correct_pairs"]) for name, part in counted(made["rank_distance"]).items()} == {
        "1": (3, 1), "2": (2, 1), "3": (1, 1),
    }  # fmt: skip
    assert made["strength"] == {}


def counted(parts: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {**part, "correct_pairs": round(part["pair_accuracy"] * part["pairs"])} for name, part in parts.items()
    }


def test_a_pair_above_which_the_labeler_wrote_is_a_part_of_its_own() -> None:
    made = sliced(outcome(1, (3.0, 2.0, 1.0), completion_ids=(-7, 11, 12), strengths=(1, 4)))
    assert {name: part["pairs"] for name, part in made["strength"].items()} == {"4": 1, "edited": 2}
