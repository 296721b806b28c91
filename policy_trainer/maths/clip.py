"""The clipped surrogate of proximal policy optimisation (Schulman et al. 2017, equation 7)."""

from typing import NamedTuple

from torch import Tensor


class Clipped(NamedTuple):
    """`losses` [T] to be minimised; `held` [T]: whether the clip took the token's gradient away."""

    losses: Tensor
    held: Tensor
    ratios: Tensor


def policy_losses(log_probs: Tensor, old: Tensor, advantages: Tensor, *, clip: float) -> Clipped:
    """max(−A·ρ, −A·clip(ρ, 1 ± ε)) of every token, ρ = π / π_old: all [T].

    Where ρ = 1 the loss is −A and its gradient −A·∇log π: the plain policy gradient.
    """
    ratios = (log_probs - old).exp()
    free = -advantages * ratios
    bounded = -advantages * ratios.clamp(1 - clip, 1 + clip)
    return Clipped(free.maximum(bounded), bounded > free, ratios.detach())
