"""Tokens of the records of one file of a snapshot, written once and mapped into memory from then on.

rows.bin      a ROW for every record, in the file's order
tokens.bin    int32: the `ids` of every record's SharedPrompt, one after another, as the network reads them

Why not `datasets`: on 4,000 rankings of six completions (2026-11) it wrote as fast and as small, but took 427 µs
(numpy) or 783 µs (torch) to read one at random where this takes 58 µs, 1.2 s to import, and doesn't notice a damaged
file. The trainer would depend on it and pyarrow for about 60 lines less.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lm.errors import Refused
from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.prompt_format import Message
from lm.rendering import Renderer
from lm.snapshot.reading import Place, Shard
from lm.snapshot.records import K_HIGHEST, Ranking, parse_demonstration, parse_ranking
from rm_trainer.loss import pair_strengths, usable_pairs

LAYOUT = 1
"""Counted up whenever the two files change their meaning."""
ROWS, IDS = "rows.bin", "tokens.bin"
ROW = np.dtype(
    [
        ("start", "<i8"),  # of the record's line in the snapshot's file, in bytes
        ("length", "<i8"),
        ("first", "<i8"),  # of its tokens in tokens.bin
        ("prefix", "<i4"),  # tokens that all K sequences begin with
        ("lengths", "<i4", (K_HIGHEST,)),  # tokens of each that follow
        ("completions", "<i4"),  # K
        ("dropped", "<i4"),  # tokens that the length limit took from the prompt
        ("pairs", "<i4"),
        ("id", "<i8"),
        ("prompt_id", "<i8"),
    ]
)


@dataclass(frozen=True)
class TokenizedRanking:
    """One ranking, and the tokens of its prompt and its K completions."""

    ranking: Ranking
    tokens: SharedPrompt

    @property
    def ranks(self) -> Tensor:
        return torch.tensor(self.ranking.ranks)  # [K]

    @property
    def strengths(self) -> Tensor:
        return pair_strengths(self.ranks, self.ranking.strengths)  # [P]


@dataclass(frozen=True)
class TokenFile:
    """The tokenised records of one file of a snapshot. Both arrays are maps of files, so they take no memory."""

    shard: Shard
    rows: NDArray[Any]  # [N] of ROW
    ids: NDArray[np.int32]

    @classmethod
    def open(cls, shard: Shard, directory: Path) -> Self:
        return cls(shard=shard, rows=_mapped(directory / ROWS, ROW), ids=_mapped(directory / IDS, np.int32))

    def prompt(self, number: int) -> SharedPrompt:
        row = self.rows[number]
        prefix, first = int(row["prefix"]), int(row["first"])
        lengths = tuple(row["lengths"][: row["completions"]].tolist())
        ids = torch.from_numpy(np.array(self.ids[first : first + prefix + sum(lengths)]))
        return SharedPrompt(ids=ids, prefix=prefix, completions=lengths, dropped=int(row["dropped"]))

    def ranking(self, number: int) -> TokenizedRanking:
        """Returns a ranking's tokens with the ranking itself, which is read from the snapshot."""
        place = Place(int(self.rows[number]["start"]), int(self.rows[number]["length"]))
        return TokenizedRanking(ranking=self.shard.read_at(place, parse_ranking), tokens=self.prompt(number))


class _Read(NamedTuple):
    """A record, as far as an entry keeps it."""

    id: int
    prompt_id: int
    pairs: int
    tokens: SharedPrompt


def write_tokens(shard: Shard, renderer: Renderer, directory: Path) -> None:
    """Raises Refused for a record that can't be used or doesn't fit the model."""
    first = 0
    with (directory / ROWS).open("wb") as rows, (directory / IDS).open("wb") as tokens:
        for place, read in _records(shard, renderer):
            made, lengths = read.tokens, read.tokens.completions
            tokens.write(made.ids.numpy().astype("<i4").tobytes())
            row = (
                *place, first, made.prefix, (*lengths, *[0] * (K_HIGHEST - len(lengths))), len(lengths),
                made.dropped, read.pairs, read.id, read.prompt_id,
            )  # fmt: skip
            rows.write(np.array([row], dtype=ROW).tobytes())
            first += len(made.ids)


def _records(shard: Shard, renderer: Renderer) -> Iterator[tuple[Place, _Read]]:
    if shard.kind == "rankings":
        for place, ranking in shard.read(parse_ranking):
            tokens = _tokens(f"Ranking {ranking.ranking_id}", renderer, ranking.prompt, ranking.completions)
            pairs = int(usable_pairs(torch.tensor(ranking.ranks)).sum())
            yield place, _Read(ranking.ranking_id, ranking.prompt_id, pairs, tokens)
    else:
        for place, ideal in shard.read(parse_demonstration):
            name = f"Demonstration {ideal.demonstration_id}"
            tokens = _tokens(name, renderer, ideal.prompt, [ideal.completion])
            yield place, _Read(ideal.demonstration_id, 0, 0, tokens)


def _tokens(name: str, renderer: Renderer, prompt: Sequence[Message], completions: Sequence[str]) -> SharedPrompt:
    try:
        return renderer.render(prompt, completions)
    except Refused as refusal:
        raise Refused(f"{name} can't be used: {refusal}.") from refusal


def _mapped(path: Path, kind: Any) -> NDArray[Any]:
    """Nothing can't be mapped."""
    return np.memmap(path, dtype=kind, mode="r") if path.stat().st_size else np.empty(0, dtype=kind)
