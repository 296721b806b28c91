"""The tokens of one prompt and of its K completions, each token once: on the disk, in memory and in the network."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SharedPrompt:
    """K sequences that begin alike: the common tokens once, then what follows in each.

    `prefix` is the longest common run of *tokens*, not the tokens of the prompt's text: where the prompt's last letters
    and a completion's first ones merge into one token, it ends a token earlier, and completions that begin alike share
    their beginning, too.
    """

    ids: Tensor  # [P + C₁ + … + Cₖ] int32
    prefix: int  # P ≥ 0
    completions: tuple[int, ...]  # C₁ … Cₖ ≥ 1; their sum is that of the tokens after the prefix
    dropped: int = 0
    """Tokens that each sequence lost at the prompt's start to the length limit."""

    @property
    def lengths(self) -> tuple[int, ...]:
        """Returns the lengths of the K full sequences."""
        return tuple(self.prefix + length for length in self.completions)

    def sequences(self) -> tuple[Tensor, ...]:
        """Returns the K full sequences, [P + Cₖ] each."""
        prefix, *completions = torch.split(self.ids, [self.prefix, *self.completions])
        return tuple(torch.cat([prefix, completion]) for completion in completions)


def share_prefix(sequences: Sequence[Tensor], *, dropped: int = 0) -> SharedPrompt:
    """Parts K sequences [length] of int32 where they stop being alike; each keeps one token of its own at least."""
    limit = min(len(sequence) for sequence in sequences) - 1
    heads = torch.stack([sequence[:limit] for sequence in sequences])  # [K, limit]
    prefix = int((heads == heads[0]).all(dim=0).long().cumprod(dim=0).sum())
    completions = [sequence[prefix:] for sequence in sequences]
    return SharedPrompt(
        ids=torch.cat([sequences[0][:prefix], *completions]),
        prefix=prefix,
        completions=tuple(len(completion) for completion in completions),
        dropped=dropped,
    )
