"""Keys and values that attention looks back at: a prompt's once for all who continue it, and each row's own.

A model with L layers and H key heads of size D keeps 2 · L · H · D numbers a token.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


class PromptKeys:
    """The keys and values of a prompt's tokens, layer by layer; they grow while the prompt is read."""

    def __init__(self, tokens: Sequence[int] = ()) -> None:
        self.tokens = list(tokens)
        """Those that have been read."""
        self.keys: list[Tensor] = []
        """By layer: [key heads, tokens, size]."""
        self.values: list[Tensor] = []

    def __len__(self) -> int:
        return len(self.tokens)

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Adds [key heads, new tokens, size] to a layer, and returns all that the layer has."""
        if layer == len(self.keys):
            self.keys.append(keys.contiguous())
            self.values.append(values.contiguous())
        else:
            self.keys[layer] = torch.cat([self.keys[layer], keys], dim=1)
            self.values[layer] = torch.cat([self.values[layer], values], dim=1)
        return self.keys[layer], self.values[layer]

    def forget_unfinished(self) -> None:
        """What a pass that failed in the middle has added."""
        known = len(self.tokens)
        self.keys = [keys[:, :known] for keys in self.keys] if known else []
        self.values = [values[:, :known] for values in self.values] if known else []

    def beginning(self, length: int) -> "PromptKeys":
        """The keys of the first `length` tokens, in the same memory: nothing is copied until more is read."""
        part = PromptKeys(self.tokens[:length])
        part.keys = [keys[:, :length] for keys in self.keys]
        part.values = [values[:, :length] for values in self.values]
        return part


def one_block(prompts: Sequence[PromptKeys], *, room: int) -> tuple[list[Tensor], list[Tensor]]:
    """The keys and the values of several prompts by layer, [prompts, key heads, room, size], each prompt's at the end.
    From then on they are the prompts' own, so that nothing is held twice."""

    def block_of(parts: Sequence[Tensor]) -> Tensor:
        heads, _, size = parts[0].shape
        block = parts[0].new_zeros((len(parts), heads, room, size))
        for place, part in zip(block, parts, strict=True):
            place[:, room - part.shape[1] :] = part
        return block

    keys, values = [], []
    for layer in range(len(prompts[0].keys)):
        keys.append(block_of([prompt.keys[layer] for prompt in prompts]))
        values.append(block_of([prompt.values[layer] for prompt in prompts]))
        for prompt, of_keys, of_values in zip(prompts, keys[-1], values[-1], strict=True):
            prompt.keys[layer] = of_keys[:, room - len(prompt) :]
            prompt.values[layer] = of_values[:, room - len(prompt) :]
    return keys, values


def apart(prompts: Iterable[PromptKeys]) -> None:
    """Takes prompts out of the memory that they share with others, one layer after the other."""
    prompts = list(prompts)
    for layer in range(max(len(prompt.keys) for prompt in prompts)):
        for parts in (parts for prompt in prompts for parts in (prompt.keys, prompt.values)):
            parts[layer] = parts[layer].clone()


@dataclass
class OwnKeys:
    """What the live rows have written themselves, in one block a layer: [rows, key heads, room, size].

    Live rows are always the first `count` of the block, so attention reads it where it lies. Rows and room grow by half
    at least, room from 64 tokens; the last row moves into the place of one that leaves.
    """

    count: int = 0
    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)

    def put(self, layer: int, rows: Tensor, places: Tensor, keys: Tensor, values: Tensor) -> None:
        """Writes one token of each of `rows` [n], [n, key heads, size], at its place of `places` [n]."""
        self.keys[layer][rows, :, places] = keys
        self.values[layer][rows, :, places] = values

    def make_room(self, *, rows: int, most_rows: int, tokens: int, most_tokens: int, like: PromptKeys) -> None:
        """Holds at least so many rows of so many tokens from now on; there will never be more than `most_rows`, of
        which none will have more than `most_tokens`. `like` has the shapes of a layer."""
        if not self.keys:
            for keys, values in zip(like.keys, like.values, strict=True):
                self.keys.append(keys.new_zeros((0, keys.shape[0], 0, keys.shape[2])))
                self.values.append(values.new_zeros((0, values.shape[0], 0, values.shape[2])))
        has_rows, _, has_tokens, _ = self.keys[0].shape
        if rows <= has_rows and tokens <= has_tokens:
            return
        rows = has_rows if rows <= has_rows else max(rows, min(most_rows, has_rows + has_rows // 2))
        if tokens > has_tokens:
            tokens = max(tokens, min(most_tokens, has_tokens + has_tokens // 2))
        self._lay_out(rows, max(tokens, has_tokens, min(most_tokens, 64)))

    def shrink(self, *, rows: int, tokens: int) -> None:
        """To so many rows of so many tokens, which is all that is needed of it; also where memory ran out while some
        layers had grown already."""
        self._lay_out(rows, tokens)

    def _lay_out(self, rows: int, tokens: int) -> None:
        """One layer after the other, so that no more than one of them is there twice."""
        for blocks in (self.keys, self.values):
            for layer, block in enumerate(blocks):
                laid_out = block.new_zeros((rows, block.shape[1], tokens, block.shape[3]))
                kept = slice(0, min(rows, block.shape[0])), slice(None), slice(0, min(tokens, block.shape[2]))
                laid_out[kept] = block[kept]
                blocks[layer] = laid_out

    def remove(self, row: int) -> None:
        """The last row takes the place of `row`."""
        self.count -= 1
        if row != self.count:
            for block in (*self.keys, *self.values):
                block[row] = block[self.count]

    def of(self, row: int, tokens: int) -> list[tuple[Tensor, Tensor]]:
        """By layer, the first `tokens` keys and values of a row: [key heads, tokens, size]."""
        return [
            (keys[row, :, :tokens], values[row, :, :tokens])
            for keys, values in zip(self.keys, self.values, strict=True)
        ]

    def clear(self) -> None:
        """Gives the memory back. There must be no rows."""
        assert self.count == 0
        self.keys, self.values = [], []
