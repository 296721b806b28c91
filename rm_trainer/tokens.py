"""Tokens of the records of one file of a snapshot, written once and mapped into memory from then on.

rows.bin      a ROW for every record, in the file's order
tokens.bin    int32: of each record the tokens that its K sequences begin with, once, then what follows in each
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from lm.errors import Refused
from lm.prompt_format import Message
from lm.rendering import Rendered, Renderer
from lm.snapshot.reading import Place, Shard
from lm.snapshot.records import K_HIGHEST, parse_demonstration, parse_ranking
from rm_trainer.batches import Group
from rm_trainer.loss import usable_pairs
from rm_trainer.sharing.prefix import split

LAYOUT = 1
"""Counted up whenever the two files change their meaning."""
ROWS, IDS = "rows.bin", "tokens.bin"
ROW = np.dtype(
    [
        ("start", "<i8"),  # of the record's line in the snapshot's file, in bytes
        ("length", "<i8"),
        ("first", "<i8"),  # of its tokens in tokens.bin
        ("prefix", "<i4"),  # tokens that all K sequences begin with
        ("branches", "<i4", (K_HIGHEST,)),  # tokens of each that follow
        ("completions", "<i4"),  # K
        ("dropped", "<i4"),  # tokens that the length limit took from the prompt
        ("pairs", "<i4"),
        ("id", "<i8"),
        ("prompt_id", "<i8"),
    ]
)


@dataclass(frozen=True)
class Tokens:
    """The tokenised records of one file of a snapshot. Both arrays are maps of files, so they take no memory."""

    shard: Shard
    rows: NDArray[Any]  # [N] of ROW
    ids: NDArray[np.int32]

    @classmethod
    def open(cls, shard: Shard, directory: Path) -> Self:
        return cls(shard=shard, rows=_mapped(directory / ROWS, ROW), ids=_mapped(directory / IDS, np.int32))

    def rendered(self, number: int) -> Rendered:
        row = self.rows[number]
        lengths = [int(row["prefix"]), *(int(one) for one in row["branches"][: row["completions"]])]
        first = int(row["first"])
        ids = torch.from_numpy(np.array(self.ids[first : first + sum(lengths)]))
        prefix, *branches = torch.split(ids, lengths)
        return Rendered(
            sequences=tuple(torch.cat([prefix, branch]) for branch in branches), dropped=int(row["dropped"])
        )

    def group(self, number: int) -> Group:
        """With the ranking itself, read from the snapshot: no field of it is copied here."""
        place = Place(int(self.rows[number]["start"]), int(self.rows[number]["length"]))
        return Group(ranking=self.shard.read_at(place, parse_ranking), rendered=self.rendered(number))


class _Read(NamedTuple):
    """A record, as far as an entry keeps it."""

    id: int
    prompt_id: int
    pairs: int
    rendered: Rendered


def write_tokens(shard: Shard, renderer: Renderer, directory: Path) -> None:
    """Raises Refused for a record that can't be used or doesn't fit the model."""
    first = 0
    with (directory / ROWS).open("wb") as rows, (directory / IDS).open("wb") as tokens:
        for place, read in _records(shard, renderer):
            tree = split(read.rendered)
            lengths = [len(branch) for branch in tree.branches]
            ids = torch.cat([tree.prefix, *tree.branches]).numpy().astype("<i4")
            tokens.write(ids.tobytes())
            row = (
                *place, first, len(tree.prefix), lengths + [0] * (K_HIGHEST - len(lengths)), len(lengths),
                read.rendered.dropped, read.pairs, read.id, read.prompt_id,
            )  # fmt: skip
            rows.write(np.array([row], dtype=ROW).tobytes())
            first += len(ids)


def _records(shard: Shard, renderer: Renderer) -> Iterator[tuple[Place, _Read]]:
    if shard.kind == "rankings":
        for place, ranking in shard.read(parse_ranking):
            rendered = _rendered(f"Ranking {ranking.ranking_id}", renderer, ranking.prompt, ranking.completions)
            pairs = int(usable_pairs(torch.tensor(ranking.ranks)).sum())
            yield place, _Read(ranking.ranking_id, ranking.prompt_id, pairs, rendered)
    else:
        for place, ideal in shard.read(parse_demonstration):
            name = f"Demonstration {ideal.demonstration_id}"
            yield (
                place,
                _Read(ideal.demonstration_id, 0, 0, _rendered(name, renderer, ideal.prompt, [ideal.completion])),
            )


def _rendered(name: str, renderer: Renderer, prompt: Sequence[Message], completions: Sequence[str]) -> Rendered:
    try:
        return renderer.render(prompt, completions)
    except Refused as refusal:
        raise Refused(f"{name} can't be used: {refusal}.") from refusal


def _mapped(path: Path, kind: Any) -> NDArray[Any]:
    """Nothing can't be mapped."""
    return np.memmap(path, dtype=kind, mode="r") if path.stat().st_size else np.empty(0, dtype=kind)
