"""What the K sequences of one prompt have in common, token by token."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lm.rendering import Rendered


@dataclass(frozen=True)
class Tree:
    """One prompt with its K completions: every sequence is `prefix` followed by its branch."""

    prefix: Tensor  # [P] int64, P ≥ 0
    branches: tuple[Tensor, ...]  # K of [Cₖ] int64, Cₖ ≥ 1: the score is read at a branch's last token

    @property
    def tokens(self) -> int:
        """How many tokens pass through the network when the prefix does so once."""
        return len(self.prefix) + sum(len(branch) for branch in self.branches)


def split(rendered: Rendered) -> Tree:
    """The longest common *token* prefix, and what follows it.

    Not the tokens of the prompt's text: where the prompt's last letters and a completion's first ones merge into one
    token, the prompt ends a token earlier in that sequence, and in that one only. Completions that begin alike share
    their beginning, too. At least one token stays in every branch.
    """
    sequences = [sequence.long() for sequence in rendered.sequences]
    length = common_prefix(sequences)
    return Tree(prefix=sequences[0][:length], branches=tuple(sequence[length:] for sequence in sequences))


def common_prefix(sequences: Sequence[Tensor]) -> int:
    """Length of the common prefix that leaves each sequence at least one token of its own."""
    limit = min(len(sequence) for sequence in sequences) - 1
    heads = torch.stack([sequence[:limit] for sequence in sequences])  # [K, limit]
    return int((heads == heads[0]).all(dim=0).long().cumprod(dim=0).sum())
