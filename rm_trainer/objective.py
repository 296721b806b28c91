"""What is minimised: the pairwise loss, with what labelers said of how much better one completion is."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lm.snapshot.records import STRONGEST
from rm_trainer.loss import usable_pairs

Strength = Literal["none", "margin", "scale"]


@dataclass(frozen=True)
class Objective:
    """The loss of one ranking; without options InstructGPT's, as rm_trainer/loss.py has it.

    * `margin`: −log σ(r_w − r_l − m), m = 0, ⅓, ⅔, 1 for the strengths 1 … 4 (Llama 2, §3.2: its "small" margin).
    * `scale`: −s · log σ(r_w − r_l), s the strength (HelpSteer2-Preference, Wang et al. 2024: scaled Bradley-Terry).
    * `label_smoothing` ε: (1 − ε) of the pair's loss and ε of the reversed pair's, for labels of which ε are wrong.
    """

    strength: Strength = "none"
    label_smoothing: float = 0.0

    def loss(self, margins: Tensor, strengths: Tensor) -> Tensor:
        """Mean over a ranking's usable pairs: margins [P], strengths [P] → scalar; 0 without gradient if P = 0."""
        if margins.numel() == 0:
            return margins.sum()
        strengths = strengths.to(margins)
        if self.strength == "margin":
            margins = margins - (strengths - 1) / (STRONGEST - 1)
        cost = -(1 - self.label_smoothing) * logsigmoid(margins) - self.label_smoothing * logsigmoid(-margins)
        return (cost * strengths if self.strength == "scale" else cost).mean()


def pair_strengths(ranks: Tensor, steps: tuple[int, ...] | None) -> Tensor:
    """Strength [P] of every usable pair, in the order of `loss.pair_margins`.

    `steps` are the strengths between neighbouring ranks. A pair further apart has their sum, at most STRONGEST. Absent
    steps make every pair a 1: no margin, no scaling.
    """
    usable = usable_pairs(ranks)
    if steps is None:
        return torch.ones(int(usable.sum()))
    heights = torch.tensor([0, *steps]).cumsum(0)[ranks.cpu() - 1]  # [K]: how far below the best
    return (heights[None, :] - heights[:, None])[usable.cpu()].clamp(max=STRONGEST).float()
