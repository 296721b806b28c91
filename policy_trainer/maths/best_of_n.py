"""The best of n completions as a policy: how far it is from the policy that they are drawn from, and what it earns."""

from collections.abc import Sequence
from math import comb, log

import torch
from torch import Tensor


def kl_bound(n: int) -> float:
    """log n − (n − 1) / n nats: the KL of the best of n from the policy at most, and exactly where no two rewards are
    equal and no completion is likely (Stiennon et al. 2020, §4.1; Beirami et al. 2024).

    >>> [round(kl_bound(n), 2) for n in (1, 4, 16, 64)]
    [0.0, 0.64, 1.84, 3.17]
    """
    return log(n) - (n - 1) / n


def expected_best(scores: Sequence[float], n: int) -> float:
    """The mean best score of n of these completions, over all their subsets: unbiased for the best of n new ones.

    Of sorted scores s₁ ≤ … ≤ s_m it is Σ sᵢ · C(i − 1, n − 1) / C(m, n).

    >>> expected_best([1.0, 2.0, 3.0], 2)
    2.6666666666666665
    """
    return mean_of_best(sorted(scores), n)


def mean_of_best(worth: Sequence[float], n: int) -> float:
    """The mean worth of the best of n, over all subsets, of completions that stand from the worst to the best."""
    return sum(value * comb(place, n - 1) for place, value in enumerate(worth)) / comb(len(worth), n)


def law_of_best(probabilities: Tensor, rewards: Tensor, n: int) -> Tensor:
    """The probability of each outcome to be the best of n draws, the first of equals: [N], [N] → [N], exactly.

    P(best has a reward ≤ r) = F(r)ⁿ. Outcomes of equal reward share its mass as they are likely.
    """
    levels, level = torch.unique(rewards, return_inverse=True)
    mass = torch.zeros(len(levels), dtype=probabilities.dtype).index_add(0, level, probabilities)
    upto = mass.cumsum(0)
    best = upto**n - (upto - mass).clamp(min=0) ** n
    return best[level] * probabilities / mass[level]
