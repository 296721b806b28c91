"""What rewards said about a ranking, made by hand."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rm_trainer.evaluation.comparisons import Comparisons, comparisons_of
from rm_trainer.evaluation.metrics import Outcome


def outcome(
    number: int, rewards: Sequence[float], tokens: Sequence[int] | None = None, *, ranks: Sequence[int] | None = None,
    **fields: Any,
) -> Outcome:  # fmt: skip
    """Unless `ranks` say otherwise the first completion is the best one, and the others follow in order."""
    count = len(rewards)
    bare = Outcome(
        ranking_id=number, prompt_id=number, completion_ids=tuple(range(10 * number + 1, 10 * number + 1 + count)),
        rewards=tuple(rewards), pairs=0, correct=0, log_loss=0, ranks=tuple(ranks or range(1, count + 1)),
        tokens=tuple(tokens or [5] * count),
    )  # fmt: skip
    one = replace(bare, **fields)
    pairs = comparisons_of([one])
    cost = float(np.logaddexp(0, -pairs.margin).sum())
    return replace(one, pairs=len(pairs.margin), correct=float(pairs.right.sum()), log_loss=cost)


def pairs_with(margins: Sequence[float]) -> Comparisons:
    """One pair a prompt, each with its margin."""
    return comparisons_of([outcome(number, (margin, 0.0)) for number, margin in enumerate(margins, 1)])
