"""Two models on the same rankings: is the new one better, and how sure is that. Pure maths."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rm_trainer.errors import Refused
from rm_trainer.metrics import Outcome


def compare(
    new: Sequence[Outcome], current: Sequence[Outcome], *, samples: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """Difference in pair accuracy, new − current, with the 95% interval of a bootstrap that draws prompts for both.

    Drawn together, since a prompt that is hard for one is hard for the other: the interval of the difference is much
    narrower than the two models' own. `probability_better` is the share of draws in which the new one is ahead.
    Raises Refused unless both judged the same rankings.
    """
    if [one.ranking_id for one in new] != [one.ranking_id for one in current]:
        raise Refused(
            "The two models were measured on different rankings. Evaluate both on the same snapshot and split."
        )
    _, prompt = np.unique([one.prompt_id for one in new], return_inverse=True)
    pairs = np.bincount(prompt, weights=[one.pairs for one in new])  # [prompts]
    gain = np.bincount(prompt, weights=[a.correct - b.correct for a, b in zip(new, current, strict=True)])
    drawn = np.random.default_rng(seed).integers(len(pairs), size=(samples, len(pairs)))
    differences = gain[drawn].sum(axis=1) / pairs[drawn].sum(axis=1)  # [samples]
    low, high = np.percentile(differences, [2.5, 97.5])
    return {
        "prompts": len(pairs),
        "pairs": int(pairs.sum()),
        "difference": float(gain.sum() / pairs.sum()),
        "interval": [float(low), float(high)],
        "probability_better": float((differences > 0).mean()),
        "samples": samples,
        "seed": seed,
    }
