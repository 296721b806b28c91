"""Several prompts with their completions in one row, every token once: [prompt, c₁ … cₖ, prompt, c₁ …], no padding."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lm.prefix_sharing.shared_prompt import SharedPrompt


@dataclass(frozen=True)
class Span:
    """Where one prompt lies in the row: its prefix from `start` to `fork`, and its completions after one another."""

    start: int
    fork: int
    lengths: tuple[int, ...]

    @property
    def end(self) -> int:
        return self.fork + sum(self.lengths)

    @property
    def prefix(self) -> int:
        return self.fork - self.start


@dataclass(frozen=True)
class Row:
    """A row of T tokens. A token attends by (prompt, branch, position), never by its place in the row."""

    input_ids: Tensor  # [1, T] int64
    positions: Tensor  # [1, T]: place in the full sequence; restarts after the prefix for every completion
    prompts: Tensor  # [T]: which prompt of the row
    branches: Tensor  # [T]: 0 in the prefix, 1 … K in its completions
    last: Tensor  # [S]: where every completion's last token is, in the order of the prompts given; S = ΣK
    spans: tuple[Span, ...]

    def before_completions(self) -> Tensor:
        """Returns for every completion token [ΣC], in order, the place in the row of the token before it: the state
        that predicts it. Of a completion's first token that is the prefix's last one.
        """
        prefixes, forks = torch.tensor([(span.prefix, span.fork) for span in self.spans]).to(self.prompts.device).T
        places = torch.arange(len(self.branches), device=self.branches.device)
        first = self.positions[0] == prefixes[self.prompts]
        return torch.where(first, forks[self.prompts] - 1, places - 1)[self.branches > 0]


def lay_out(prompts: Sequence[SharedPrompt], device: torch.device) -> Row:
    """Lays the prompts into one row in their order, on the device."""
    # A piece is a prefix or a completion; position 0 of a completion is where its prefix would begin before it.
    pieces = [(number, branch, length) for number, one in enumerate(prompts)
              for branch, length in enumerate((one.prefix, *one.completions))]  # fmt: skip
    numbers, branches, lengths = torch.tensor(pieces).T
    ends = lengths.cumsum(0)
    prefixes = torch.tensor([one.prefix for one in prompts])[numbers]
    origins = ends - lengths - torch.where(branches > 0, prefixes, 0)
    ids = torch.cat([one.ids for one in prompts]).long()  # [T]
    return Row(
        input_ids=ids[None].to(device),
        positions=(torch.arange(len(ids)) - torch.repeat_interleave(origins, lengths))[None].to(device),
        prompts=torch.repeat_interleave(numbers, lengths).to(device),
        branches=torch.repeat_interleave(branches, lengths).to(device),
        last=(ends[branches > 0] - 1).to(device),
        spans=_spans(prompts),
    )


def _spans(prompts: Sequence[SharedPrompt]) -> tuple[Span, ...]:
    found: list[Span] = []
    for one in prompts:
        start = found[-1].end if found else 0
        found.append(Span(start, start + one.prefix, one.completions))
    return tuple(found)
