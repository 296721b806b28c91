"""Several prompts with their completions laid out in rows, each token once: [prompt, c₁ … cₖ, prompt, c₁ …]."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lm.packing import pack
from rm_trainer.sharing.prefix import Tree

PADDING = -1
ROW_TOKENS = 2048
"""Budget of a row. Attention costs a row's square and padding what the last row leaves empty."""


@dataclass(frozen=True)
class Rows:
    """R rows of T tokens. A token attends by (tree, branch, position), never by its place in the row."""

    input_ids: Tensor  # [R, T]
    positions: Tensor  # [R, T]: place in the full sequence; restarts after the prompt for every branch
    trees: Tensor  # [R, T]: which prompt of the row; PADDING where there is none
    branches: Tensor  # [R, T]: 0 in the prompt, 1 … K in its completions
    ends: Tensor  # [S, 2]: row and column of every completion's last token, in the order of the prompts given

    def to(self, device: torch.device) -> "Rows":
        return Rows(
            input_ids=self.input_ids.to(device),
            positions=self.positions.to(device),
            trees=self.trees.to(device),
            branches=self.branches.to(device),
            ends=self.ends.to(device),
        )


def lay_out(trees: Sequence[Tree], *, budget: int = ROW_TOKENS) -> Rows:
    """Rows of at most `budget` tokens, or of the largest tree's."""
    return _laid_out(trees, pack([tree.tokens for tree in trees], budget))


def in_one_row(trees: Sequence[Tree]) -> Rows:
    """All of them in their order, and no padding."""
    return _laid_out(trees, [list(range(len(trees)))])


def _laid_out(trees: Sequence[Tree], packed: Sequence[Sequence[int]]) -> Rows:
    ends: dict[int, list[tuple[int, int]]] = {}
    columns: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for row, members in enumerate(packed):
        start = 0
        for member in members:
            ends[member] = _ends(trees[member], row, start)
            start += trees[member].tokens
        columns.append(_row([trees[member] for member in members]))
    ids, places, owners, branches = zip(*columns, strict=True)
    return Rows(
        input_ids=_padded(ids, 0),
        positions=_padded(places, 0),
        trees=_padded(owners, PADDING),
        branches=_padded(branches, 0),
        ends=torch.tensor([end for member in range(len(trees)) for end in ends[member]]),
    )


def _row(trees: Sequence[Tree]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Token ids, positions, trees and branches of one row, each [T]."""
    pieces = [
        (piece, number, branch)
        for number, tree in enumerate(trees)
        for branch, piece in enumerate((tree.prefix, *tree.branches))
    ]
    starts = [len(trees[number].prefix) if branch else 0 for _, number, branch in pieces]
    return (
        torch.cat([piece for piece, _, _ in pieces]),
        torch.cat([start + torch.arange(len(piece)) for (piece, _, _), start in zip(pieces, starts, strict=True)]),
        torch.cat([torch.full((len(piece),), number) for piece, number, _ in pieces]),
        torch.cat([torch.full((len(piece),), branch) for piece, _, branch in pieces]),
    )


def _ends(tree: Tree, row: int, start: int) -> list[tuple[int, int]]:
    lengths = torch.tensor([len(branch) for branch in tree.branches])
    return [(row, int(column)) for column in start + len(tree.prefix) + lengths.cumsum(0) - 1]


def _padded(rows: Sequence[Tensor], value: int) -> Tensor:
    return pad_sequence(list(rows), batch_first=True, padding_value=value)
