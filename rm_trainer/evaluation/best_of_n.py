"""What a reward model is worth as a picker: the best of n completions, by the labelers' own judgement. Pure maths."""

from collections.abc import Sequence
from math import comb, log

import numpy as np
from numpy.typing import ArrayLike

from rm_trainer.evaluation.bootstrap import RESAMPLES, Floats, places, ratio, sums
from rm_trainer.evaluation.figures import BestOfN
from rm_trainer.evaluation.metrics import Outcome


def best_of_n(outcomes: Sequence[Outcome], *, samples: int = RESAMPLES, seed: int = 0) -> list[BestOfN]:
    """One row for each n from 1 to the largest K, over the rankings with at least n completions.

    `win_rate`: how often the labeler ranked what the model picks of n above a random other completion of the prompt, a
    tie counting one half; exact, over all subsets of n. `labelers_win_rate`: the same if the labeler picked, which no
    model can exceed. `quality`: the mean 1–7 rating of what is picked, where all completions have one. `kl`: how far
    picking moves from the policy at most, log n − (n − 1)/n nats (Stiennon et al. 2020, §4.1). Completions that a
    labeler wrote are none of the policy's and left out.
    """
    curves = [curve for one in outcomes for curve in [_curves(one)] if curve is not None]
    return [
        _row(n, [curve for curve in curves if curve[1].shape[1] >= n], samples=samples, seed=seed)
        for n in range(1, max((curve[1].shape[1] for curve in curves), default=0) + 1)
    ]


def picked(count: int) -> Floats:
    """[n − 1, j]: the probability that the best of n random ones of `count` is the one with j better ones above it.

    C(count − 1 − j, n − 1) of the C(count, n) subsets hold it and n − 1 of those under it. Of three, the best of two
    is the very best in two of three subsets: picked(3)[1] = [2/3, 1/3, 0].
    """
    return np.array([[comb(count - 1 - j, n - 1) / comb(count, n) for j in range(count)] for n in range(1, count + 1)])


def expected(rewards: ArrayLike, worth: ArrayLike) -> Floats:
    """[n − 1]: the mean worth of the pick of n; among equal rewards each is as likely to be picked."""
    rewards, worth = np.asarray(rewards, dtype=float), np.asarray(worth, dtype=float)
    _, group = np.unique(-rewards, return_inverse=True)  # groups from the best down
    means = np.bincount(group, weights=worth) / np.bincount(group)
    return picked(len(rewards)) @ means[np.sort(group)]


def _curves(one: Outcome) -> tuple[int, Floats] | None:
    """(prompt, [3, K]: win rate, the labeler's own, quality or NaN); None with fewer than two completions."""
    own = [place for place, completion in enumerate(one.completion_ids) if completion > 0]
    if len(own) < 2:
        return None
    ranks, rewards = np.asarray(one.ranks)[own], np.asarray(one.rewards)[own]
    beaten = (ranks[:, None] < ranks).sum(axis=1) + ((ranks[:, None] == ranks).sum(axis=1) - 1) / 2
    wins = beaten / (len(own) - 1)
    qualities = [one.qualities[place] for place in own] if one.qualities else [None]
    quality = np.full(len(own), np.nan) if None in qualities else expected(rewards, np.array(qualities, dtype=float))
    return one.prompt_id, np.stack([expected(rewards, wins), expected(-ranks, wins), quality])


def _row(n: int, curves: Sequence[tuple[int, Floats]], *, samples: int, seed: int) -> BestOfN:
    win, labelers, quality = np.array([curve[:, n - 1] for _, curve in curves]).T
    rated = np.isfinite(quality)
    per_prompt = sums(
        places([prompt for prompt, _ in curves]), np.ones(len(win)), win, labelers, rated, np.where(rated, quality, 0)
    )
    win_rate, win_interval = ratio(per_prompt, 1, 0, samples=samples, seed=seed)
    mean_quality, quality_interval = ratio(per_prompt, 4, 3, samples=samples, seed=seed)
    return {
        "n": n,
        "kl": log(n) - (n - 1) / n,
        "rankings": len(win),
        "prompts": len(per_prompt),
        "win_rate": win_rate,
        "win_rate_interval": win_interval,
        "labelers_win_rate": float(labelers.mean()),
        "quality": mean_quality,
        "quality_interval": quality_interval,
    }
