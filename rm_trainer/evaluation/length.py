"""How much of a reward is only length. Pure maths."""

from collections.abc import Sequence

import numpy as np

from rm_trainer.evaluation.bootstrap import RESAMPLES, places, ratio, sums
from rm_trainer.evaluation.comparisons import Comparisons
from rm_trainer.evaluation.figures import Length
from rm_trainer.evaluation.metrics import Outcome


def length(outcomes: Sequence[Outcome], pairs: Comparisons, *, samples: int = RESAMPLES, seed: int = 0) -> Length:
    """How far the rewards follow length (Stiennon et al. 2020, §4.3; Singhal et al. 2023), each with its interval.

    `correlation`: mean over rankings of Pearson's r between reward and tokens, where both vary.
    `shorter_won_accuracy`: on the pairs in which the labeler preferred the shorter completion.
    `longer_is_better_accuracy`: of a rule that sees only length.
    """
    shorter = (pairs.chosen_tokens < pairs.rejected_tokens).astype(float)
    longer_right = np.where(pairs.chosen_tokens == pairs.rejected_tokens, 0.5, 1 - shorter)
    by_pair = sums(pairs.prompt, np.ones(len(shorter)), longer_right, shorter, shorter * pairs.right)
    correlations = [_correlation(one) for one in outcomes]
    by_ranking = sums(
        places([one.prompt_id for one in outcomes]),
        [one or 0.0 for one in correlations],
        [one is not None for one in correlations],
    )
    correlation, correlation_interval = ratio(by_ranking, 0, 1, samples=samples, seed=seed)
    shorter_won, shorter_won_interval = ratio(by_pair, 3, 2, samples=samples, seed=seed)
    longer_is_better, longer_is_better_interval = ratio(by_pair, 1, 0, samples=samples, seed=seed)
    return {
        "shorter_won_pairs": int(shorter.sum()),
        "correlation": correlation,
        "shorter_won_accuracy": shorter_won,
        "longer_is_better_accuracy": longer_is_better,
        "correlation_interval": correlation_interval,
        "shorter_won_accuracy_interval": shorter_won_interval,
        "longer_is_better_accuracy_interval": longer_is_better_interval,
    }


def _correlation(one: Outcome) -> float | None:
    if len(set(one.rewards)) < 2 or len(set(one.tokens)) < 2:
        return None
    return float(np.corrcoef(one.rewards, one.tokens)[0, 1])
