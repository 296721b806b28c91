"""The usable pairs of some rankings as columns: what every figure behind an accuracy is made of. Pure maths."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lm.snapshot.records.constants import STRONGEST
from rm_trainer.evaluation.bootstrap import Floats, Places, places
from rm_trainer.evaluation.metrics import Outcome

EDITED = "edited"
"""A pair whose better one the labeler wrote: how much better it is nobody was asked."""


@dataclass(frozen=True)
class Comparisons:
    """P pairs, ranking by ranking, each in the order of `loss.pair_margins`."""

    ranking: Places  # [P]: place of its outcome
    prompt: Places  # [P]: place among the distinct prompts
    margin: Floats  # [P]: r_chosen − r_rejected
    chosen_tokens: Floats  # [P]
    rejected_tokens: Floats  # [P]
    distance: NDArray[np.int64]  # [P]: ranks between the two, 1 for neighbours
    strength: NDArray[np.str_]  # [P]: "1" … "4", EDITED, or "" where the labeler wasn't asked

    @property
    def right(self) -> Floats:
        """[P]: 1 where the rewards order the pair as the labeler did, one half where they are equal."""
        return np.where(self.margin == 0, 0.5, self.margin > 0).astype(float)


def comparisons_of(outcomes: Sequence[Outcome]) -> Comparisons:
    """Returns the comparisons of at least one outcome, each with at least one pair."""
    columns = [_columns(one) for one in outcomes]
    ranking = np.repeat(np.arange(len(outcomes)), [len(one[0]) for one in columns])
    margin, chosen, rejected, distance, strength = (np.concatenate(one) for one in zip(*columns, strict=True))
    prompt = places([one.prompt_id for one in outcomes])[ranking]
    return Comparisons(ranking, prompt, margin, chosen, rejected, distance, strength)


def _columns(one: Outcome) -> tuple[Floats, Floats, Floats, NDArray[np.int64], NDArray[np.str_]]:
    ranks, rewards, tokens = np.asarray(one.ranks), np.asarray(one.rewards), np.asarray(one.tokens, dtype=float)
    chosen, rejected = np.nonzero(ranks[:, None] < ranks[None, :])
    margin, distance = rewards[chosen] - rewards[rejected], ranks[rejected] - ranks[chosen]
    return margin, tokens[chosen], tokens[rejected], distance, _strengths(one, ranks, chosen, rejected)


def _strengths(one: Outcome, ranks: Places, chosen: Places, rejected: Places) -> NDArray[np.str_]:
    """Returns the strengths as `loss.pair_strengths` adds them up: a pair further apart has the sum of its steps, at
    most STRONGEST.
    """
    if one.strengths is None:
        return np.full(len(chosen), "", dtype="<U6")
    heights = np.concatenate([[0], np.cumsum(one.strengths)])[ranks - 1]
    words = np.minimum(heights[rejected] - heights[chosen], STRONGEST).astype("<U6")
    return np.where(np.asarray(one.completion_ids)[chosen] < 0, EDITED, words)
