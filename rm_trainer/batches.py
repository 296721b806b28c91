"""Rankings as tensors: rendered once before training, then padded into one forward pass a few at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from rm_trainer.errors import Refused
from rm_trainer.loss import usable_pairs
from rm_trainer.objective import pair_strengths
from rm_trainer.records import Demonstration, Ranking
from rm_trainer.render import Rendered, Renderer

T = TypeVar("T")


@dataclass(frozen=True)
class Group:
    """One ranking with its K completions rendered."""

    ranking: Ranking
    rendered: Rendered

    @property
    def ranks(self) -> Tensor:
        return torch.tensor(self.ranking.ranks)  # [K]

    @property
    def strengths(self) -> Tensor:
        return pair_strengths(self.ranks, self.ranking.strengths)  # [P]


@dataclass(frozen=True)
class Batch:
    """S sequences, right-padded to the longest one's T tokens."""

    input_ids: Tensor  # [S, T] int64
    attention_mask: Tensor  # [S, T] int64: 1 for a token, 0 for padding
    last: Tensor  # [S] int64: where each sequence's last token is, and its score is read


def ranking_groups(rankings: Iterable[Ranking], renderer: Renderer) -> list[Group]:
    """Raises Refused, naming the ranking, when one doesn't fit the limit or the chat template."""
    return [Group(ranking=ranking, rendered=_render_ranking(ranking, renderer)) for ranking in rankings]


def with_pairs(groups: Iterable[Group]) -> list[Group]:
    """The groups from which something can be learned: those that are not one single tie."""
    return [group for group in groups if usable_pairs(group.ranks).any()]


def render_demonstrations(demonstrations: Iterable[Demonstration], renderer: Renderer) -> list[Rendered]:
    """Each as a prompt with one completion. Raises Refused, naming the demonstration, when one doesn't fit."""
    return [_render_demonstration(demonstration, renderer) for demonstration in demonstrations]


def collate(rendered: Sequence[Rendered], device: torch.device) -> Batch:
    """All sequences of some prompts, in order. Padding is on the right; mask and `last` make its value meaningless."""
    sequences = [sequence.long() for one in rendered for sequence in one.sequences]
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    input_ids = pad_sequence(sequences, batch_first=True)
    mask = (torch.arange(input_ids.shape[1])[None, :] < lengths[:, None]).long()
    return Batch(input_ids=input_ids.to(device), attention_mask=mask.to(device), last=(lengths - 1).to(device))


def parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive parts of `size` items; the last one may be smaller."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def shuffled_batches(groups: Sequence[T], *, size: int, epochs: int, seed: int) -> Iterator[Sequence[T]]:
    """Every group once per epoch, in an order that only seed and epoch decide; an epoch's last batch may be smaller."""
    for epoch in range(epochs):
        order = list(groups)
        Random(f"{seed}/{epoch}").shuffle(order)
        yield from parts(order, size)


def _render_ranking(ranking: Ranking, renderer: Renderer) -> Rendered:
    try:
        return renderer.render(ranking.prompt, ranking.completions)
    except Refused as refusal:
        raise Refused(f"Ranking {ranking.ranking_id} can't be used: {refusal}.") from refusal


def _render_demonstration(demonstration: Demonstration, renderer: Renderer) -> Rendered:
    try:
        return renderer.render(demonstration.prompt, [demonstration.completion])
    except Refused as refusal:
        raise Refused(f"Demonstration {demonstration.demonstration_id} can't be used: {refusal}.") from refusal
