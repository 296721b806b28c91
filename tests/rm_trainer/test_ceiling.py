"""How far labelers agree with each other, worked by hand."""

import pytest

from rm_trainer.evaluation.ceiling import ceiling
from rm_trainer.evaluation.metrics import Outcome
from tests.rm_trainer.outcomes import outcome


def ranked(task: int, labeler: str, ranks: tuple[int, ...], rewards: tuple[float, ...] = (4, 3, 2, 1)) -> Outcome:
    return outcome(task, rewards, ranks=ranks, task_id=task, labeler=labeler)


def test_only_pairs_that_both_order_count() -> None:
    """Alice 1234, Bob 1243: five of six pairs the same way. Carol 1123 leaves out the first pair: of the five that both
    Alice and Carol order all are the same; with Bob four of five. Together 5 + 5 + 4 of 6 + 5 + 5 pairs a task.
    """
    tasks = [
        ranked(task, name, ranks)
        for task in range(1, 4)
        for name, ranks in (("L1", (1, 2, 3, 4)), ("L2", (1, 2, 4, 3)), ("L3", (1, 1, 2, 3)))
    ]
    made = ceiling(tasks)
    assert (made["tasks"], made["pairs"]) == (3, 3 * 16)
    assert made["agreement"] == pytest.approx(14 / 16)
    assert made["agreement_interval"] is None
    assert made["standard_error"] == pytest.approx(0)


def test_the_standard_error_is_that_of_the_prompts() -> None:
    """Of 100 tasks half are agreed on and half turned round: 600 pairs, but the error is √(0.25/100) = 0.05."""
    both = [
        ranked(task, name, (1, 2, 3, 4) if name == "L1" or task % 2 else (4, 3, 2, 1))
        for task in range(100)
        for name in ("L1", "L2")
    ]
    made = ceiling(both, samples=1000)
    assert made["agreement"] == 0.5
    assert made["standard_error"] == pytest.approx(0.05, abs=0.005)


def test_the_model_stands_beside_the_ceiling_on_the_same_rankings() -> None:
    """The rewards follow L1, who is right in all six pairs; L2 turned the last pair round. The ranking that nobody
    shares, on which the model is wrong, doesn't count.
    """
    shared = [ranked(t, name, r) for t in range(1, 6) for name, r in (("L1", (1, 2, 3, 4)), ("L2", (1, 2, 4, 3)))]
    made = ceiling([*shared, ranked(99, "L1", (4, 3, 2, 1))])
    assert made["agreement"] == pytest.approx(5 / 6)
    assert made["model"] is not None
    assert made["model"]["rankings"] == 10
    assert made["model"]["pair_accuracy"] == pytest.approx(11 / 12)


@pytest.mark.parametrize(
    "outcomes",
    [
        [ranked(1, "L1", (1, 2, 3, 4)), ranked(2, "L2", (1, 2, 3, 4))],
        [ranked(1, "L1", (1, 2, 3, 4)), ranked(1, "L1", (1, 2, 4, 3))],
        [ranked(1, "", (1, 2, 3, 4)), ranked(1, "", (1, 2, 4, 3))],
        [ranked(1, "L1", (1, 2, 3, 4)), ranked(1, "L2", (1, 2, 3, 4))],
    ],
    ids=["no task shared", "one labeler twice", "labelers unknown", "six pairs only"],
)
def test_too_little_to_say_is_said(outcomes: list[Outcome]) -> None:
    made = ceiling(outcomes)
    assert made["agreement"] is None
    assert made["model"] is None
    assert str(made["note"]).startswith("Not enough shared tasks")
