"""The pairwise ranking loss of InstructGPT (Ouyang et al. 2022, §3.5, equation 1, and C.2). Pure maths."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def usable_pairs(ranks: Tensor) -> Tensor:
    """Boolean [K, K]: entry (w, l) says that completion w was ranked above completion l. A tie makes no pair.

    `ranks` is [K], 1 is best. Ranks 1, 2, 2 hold the pairs (0, 1) and (0, 2).
    """
    return ranks[:, None] < ranks[None, :]


def pair_margins(scores: Tensor, ranks: Tensor) -> Tensor:
    """r_w − r_l of every usable pair of one ranking: scores [K], ranks [K] → [P], 0 ≤ P ≤ K(K−1)/2."""
    return (scores[:, None] - scores[None, :])[usable_pairs(ranks)]


def ranking_loss(margins: Tensor) -> Tensor:
    """Mean over a ranking's usable pairs of −log σ(r_w − r_l): margins [P] → scalar.

    Without ties P = K(K−1)/2, so this is equation 1 with its weight 1/C(K,2): every ranking counts the same whatever
    its K. With ties the mean is over the pairs that are left; a ranking that is one tie has loss 0 and no gradient.

    Scores 1, 0 ranked 1, 2 have margin 1 and loss −log σ(1) = log(1 + e⁻¹) ≈ 0.3133; equal scores have log 2 ≈ 0.6931.
    """
    if margins.numel() == 0:
        return margins.sum()
    return -logsigmoid(margins).mean()


def correct_pairs(margins: Tensor) -> Tensor:
    """How many pairs the scores order as the labeler did, equal scores counting one half: margins [P] → scalar."""
    return (margins > 0).sum() + (margins == 0).sum() / 2


def batch_margins(scores: Tensor, ranks: list[Tensor]) -> list[Tensor]:
    """Splits the scores of several rankings, [K₁ + K₂ + …] in order, into each ranking's margins."""
    parts = torch.split(scores, [len(one) for one in ranks])
    return [pair_margins(part, one) for part, one in zip(parts, ranks, strict=True)]
