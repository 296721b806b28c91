"""How much better a token, or a text, was than expected.

Tensors are flat: the tokens of S completions one after another, [ΣC], with their `lengths` C₁ … C_S.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


def token_rewards(scores: Tensor, kl: Tensor, lengths: Sequence[int], *, beta: float) -> Tensor:
    """−β · KL on every token and the completion's score on its last one: scores [S], kl [ΣC] → [ΣC].

    A completion's rewards add up to its score − β · its KL (InstructGPT, equation 2 without γ).
    """
    rewards = -beta * kl
    last = torch.tensor(lengths, device=kl.device).cumsum(0) - 1
    return rewards.index_add(0, last, scores.to(rewards))


def generalised(
    rewards: Tensor, values: Tensor, lengths: Sequence[int], *, discount: float = 1.0, decay: float = 0.95
) -> tuple[Tensor, Tensor]:
    """Advantages and returns [ΣC] of every token by generalised advantage estimation (Schulman et al. 2016, eq. 16).

    A_t = δ_t + γ·λ·A_{t+1}, δ_t = r_t + γ·V_{t+1} − V_t, and behind a completion's last token all is 0: it ends
    there, whether an end token or the length did it. `values` [ΣC]: what was expected before each token was drawn. The
    returns are A + V. With γ = λ = 1 an advantage is the sum of the rewards from its token on, minus V.
    """
    padded_rewards, padded_values = (
        pad_sequence(list(torch.split(flat, list(lengths))), batch_first=True) for flat in (rewards, values)
    )  # [S, C]: padding is 0, and what comes of it is, too
    following = torch.cat([padded_values[:, 1:], padded_values.new_zeros(len(lengths), 1)], dim=1)
    errors = padded_rewards + discount * following - padded_values
    advantages = torch.zeros_like(errors)
    behind = errors.new_zeros(len(lengths))
    for place in reversed(range(errors.shape[1])):
        behind = errors[:, place] + discount * decay * behind
        advantages[:, place] = behind
    real = torch.arange(errors.shape[1])[None, :] < torch.tensor(lengths)[:, None]  # [S, C]
    flat = advantages[real.to(errors.device)]
    return flat, flat + values


def of_group(totals: Tensor) -> Tensor:
    """Of K completions of one prompt, each one's total reward minus their mean: [K] → [K] (GRPO, Shao et al. 2024)."""
    return totals - totals.mean()


def leave_one_out(totals: Tensor) -> Tensor:
    """Each one's total reward minus the mean of the K − 1 others: [K] → [K] (RLOO, Ahmadian et al. 2024); K ≥ 2."""
    others = (totals.sum() - totals) / (len(totals) - 1)
    return totals - others
