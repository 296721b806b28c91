"""The pairwise ranking loss of InstructGPT (Ouyang et al. 2022, §3.5, equation 1, and C.2) and its options: what
training minimises and evaluation reports. Pure maths.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lm.snapshot.records.constants import STRONGEST

Strength = Literal["none", "margin", "scale"]


def ranking_loss(
    margins: Tensor, strengths: Tensor | None = None, *, strength: Strength = "none", label_smoothing: float = 0.0
) -> Tensor:
    """Mean over a ranking's usable pairs of −log σ(r_w − r_l): margins r_w − r_l [P] → scalar.

    Without ties P = K(K−1)/2, so this is equation 1 with its weight 1/C(K,2): every ranking counts the same whatever
    its K. With ties the mean is over the pairs that are left; a ranking that is one tie has loss 0 and no gradient.

    Scores 1, 0 ranked 1, 2 have margin 1 and loss −log σ(1) = log(1 + e⁻¹) ≈ 0.3133; equal scores have log 2 ≈ 0.6931.

    What labelers said of how much better one completion is, `strengths` [P] of the pairs, counts by `strength`:

    * `margin`: −log σ(r_w − r_l − m), m = 0, ⅓, ⅔, 1 for the strengths 1 … 4 (Llama 2, §3.2: its "small" margin).
    * `scale`: −s · log σ(r_w − r_l), s the strength (HelpSteer2-Preference, Wang et al. 2024: scaled Bradley-Terry).

    `label_smoothing` ε: (1 − ε) of the pair's loss and ε of the reversed pair's, for labels of which ε are wrong.
    """
    if margins.numel() == 0:
        return margins.sum()
    weights = torch.ones_like(margins) if strengths is None else strengths.to(margins)
    if strength == "margin":
        margins = margins - (weights - 1) / (STRONGEST - 1)
    losses = -logsigmoid(margins)
    if label_smoothing:
        losses = (1 - label_smoothing) * losses - label_smoothing * logsigmoid(-margins)
    return (weights * losses if strength == "scale" else losses).mean()


def batch_margins(scores: Tensor, ranks: list[Tensor]) -> list[Tensor]:
    """Splits the scores of several rankings, [K₁ + K₂ + …] in order, into each ranking's margins."""
    parts = torch.split(scores, [len(one) for one in ranks])
    return [pair_margins(part, one) for part, one in zip(parts, ranks, strict=True)]


def pair_margins(scores: Tensor, ranks: Tensor) -> Tensor:
    """r_w − r_l of every usable pair of one ranking: scores [K], ranks [K] → [P], 0 ≤ P ≤ K(K−1)/2."""
    return (scores[:, None] - scores[None, :])[usable_pairs(ranks)]


def pair_strengths(ranks: Tensor, steps: tuple[int, ...] | None) -> Tensor:
    """Strength [P] of every usable pair, in the order of `pair_margins`.

    `steps` are the strengths between neighbouring ranks. A pair further apart has their sum, at most STRONGEST. Absent
    steps make every pair a 1: no margin, no scaling.
    """
    usable = usable_pairs(ranks)
    if steps is None:
        return torch.ones(int(usable.sum()))
    heights = torch.tensor([0, *steps]).cumsum(0)[ranks.cpu() - 1]  # [K]: how far below the best
    return (heights[None, :] - heights[:, None])[usable.cpu()].clamp(max=STRONGEST).float()


def usable_pairs(ranks: Tensor) -> Tensor:
    """Boolean [K, K]: entry (w, l) says that completion w was ranked above completion l. A tie makes no pair.

    `ranks` is [K], 1 is best. Ranks 1, 2, 2 hold the pairs (0, 1) and (0, 2).
    """
    return ranks[:, None] < ranks[None, :]


def correct_pairs(margins: Tensor) -> Tensor:
    """How many pairs the scores order as the labeler did, equal scores counting one half: margins [P] → scalar."""
    return (margins > 0).sum() + (margins == 0).sum() / 2
