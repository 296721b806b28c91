"""Drawing tokens so that a completion depends on its own seed, not on the completions that share its batch."""

import torch
from torch import Tensor
from torch.nn.functional import pad

_BLOCK = 512
"""Tokens whose weights are added up first: 512 blocks of 512 hold a vocabulary of 262,144."""

_LIKELIEST = (1024, 16384)
"""So many of the likeliest tokens mostly hold the nucleus, and are found 30 and 5 times faster than all are sorted."""


def draw_tokens(weights: Tensor, uniforms: Tensor) -> Tensor:
    """One token per row by inverse transform sampling: the first whose cumulative weight exceeds uniform * total.

    `weights` [rows, vocabulary] are probabilities up to a factor per row; `uniforms` [rows] are float64 in [0, 1); the
    tokens are int64 [rows]. Tokens stand in the vocabulary's order, so that rounding which swaps two nearly equal
    logits hardly moves the sums. These have two levels, blocks and tokens: one long cumulative sum takes a CPU ten
    times as long, and errs in the fifth digit if it is in float32.
    """
    rows, vocabulary = weights.shape
    padding = -vocabulary % _BLOCK
    blocks = (pad(weights, (0, padding)) if padding else weights).view(rows, -1, _BLOCK)
    block_ends = blocks.sum(dim=-1).cumsum(dim=-1, dtype=torch.float64)  # [rows, blocks]
    targets = uniforms[:, None] * block_ends[:, -1:]  # [rows, 1]
    block = torch.searchsorted(block_ends, targets, right=True).clamp(max=block_ends.shape[1] - 1)
    token_ends = blocks.gather(1, block[:, :, None].expand(-1, -1, _BLOCK))[:, 0].cumsum(dim=-1, dtype=torch.float64)
    block_total = token_ends[:, -1:].contiguous()
    block_starts = block_ends.gather(1, block) - block_total
    # The levels round differently in the eighth digit: what falls out of its block is the first or the last token there
    # that has any weight.
    token = torch.searchsorted(token_ends, (targets - block_starts).clamp(min=0.0), right=True)
    last = torch.searchsorted(token_ends, block_total)
    return (block * _BLOCK + torch.minimum(token, last))[:, 0].clamp(max=vocabulary - 1)


def keep_nucleus(weights: Tensor, top_ps: Tensor) -> Tensor:
    """The weights, but 0 outside the fewest likeliest tokens that reach top_p (Holtzman et al. 2020, section 3.1).

    Tokens exactly as likely as the last of them stay: which of several equals comes last is an accident of sorting, and
    bfloat16 logits are often equal. A row whose top_p is 1 stays whole.
    """
    wanted = top_ps[:, None] * weights.sum(dim=-1, keepdim=True)
    for likeliest in _LIKELIEST:
        ordered = weights.topk(min(likeliest, weights.shape[-1])).values
        if bool(((ordered.sum(dim=-1, keepdim=True) >= wanted) | (top_ps[:, None] >= 1)).all()):
            break
    else:
        ordered = weights.sort(dim=-1, descending=True).values
    reached = ordered.cumsum(dim=-1) < wanted  # [rows, likely]: the tokens that do not reach it yet
    last = reached.sum(dim=-1, keepdim=True).clamp(max=ordered.shape[-1] - 1)
    return weights.masked_fill((weights < ordered.gather(1, last)) & (top_ps[:, None] < 1), 0.0)
