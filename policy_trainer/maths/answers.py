"""Sums over each answer's tokens. Tokens of S answers stand one after another, [ΣC], with their `lengths` C₁ … C_S."""

from collections.abc import Sequence

import torch
from torch import Tensor


def summed(values: Tensor, lengths: Sequence[int]) -> Tensor:
    """[ΣC] → [S]."""
    own = torch.repeat_interleave(torch.tensor(lengths)).to(values.device)  # [ΣC]: whose token it is
    return values.new_zeros(len(lengths)).index_add(0, own, values)
