"""Tokens of the records of one file of a snapshot, written once and mapped into memory from then on.

rows.bin        a ROW for every record that can be used, in the file's order
tokens.bin      int32: the `ids` of every such record's SharedPrompt, one after another, as the network reads them
remarks.json    what of the file is left out and why (usable.py)

Why not `datasets`: on 4,000 rankings of six completions (2026-11) it wrote as fast and as small, but took 427 µs
(numpy) or 783 µs (torch) to read one at random where this takes 58 µs, 1.2 s to import, and doesn't notice a damaged
file. The trainer would depend on it and pyarrow for about 60 lines less.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lm.atomic_files import write_json_file
from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.rendering import Renderer
from lm.snapshot.openings import opening_key
from lm.snapshot.reading import Place, Shard
from lm.snapshot.records.constants import K_HIGHEST
from lm.snapshot.records.demonstrations import parse_demonstration
from lm.snapshot.records.rankings import Ranking, parse_ranking
from rm_trainer.loss import pair_strengths, usable_pairs
from rm_trainer.usable import Remarking, Remarks, usable_part

LAYOUT = 2
"""Counted up whenever the files change their meaning."""
ROWS, IDS, REMARKS = FILES = ("rows.bin", "tokens.bin", "remarks.json")
ROW = np.dtype(
    [
        ("start", "<i8"),  # of the record's line in the snapshot's file, in bytes
        ("length", "<i8"),
        ("first", "<i8"),  # of its tokens in tokens.bin
        ("prefix", "<i4"),  # tokens that all K sequences begin with
        ("lengths", "<i4", (K_HIGHEST,)),  # tokens of each that follow
        ("completions", "<i4"),  # K, of those that are used
        ("used", "<u4"),  # bit i: whether the record's completion i is among them
        ("dropped", "<i4"),  # tokens that the length limit took from the prompt
        ("pairs", "<i4"),
        ("id", "<i8"),
        ("prompt_id", "<i8"),
        ("opening", "<u8"),  # the first 8 bytes of the prompt's opening_key
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
    remarks: Remarks

    @classmethod
    def open(cls, shard: Shard, directory: Path) -> Self:
        return cls(
            shard=shard,
            rows=_mapped(directory / ROWS, ROW),
            ids=_mapped(directory / IDS, np.int32),
            remarks=json.loads((directory / REMARKS).read_text(encoding="utf-8")),
        )

    def prompt(self, number: int) -> SharedPrompt:
        row = self.rows[number]
        prefix, first = int(row["prefix"]), int(row["first"])
        lengths = tuple(row["lengths"][: row["completions"]].tolist())
        ids = torch.from_numpy(np.array(self.ids[first : first + prefix + sum(lengths)]))
        return SharedPrompt(ids=ids, prefix=prefix, completions=lengths, dropped=int(row["dropped"]))

    def ranking(self, number: int) -> TokenizedRanking:
        """Returns a ranking's tokens with the ranking itself, as far as it is used, which is read from the snapshot."""
        row = self.rows[number]
        ranking = self.shard.read_at(Place(int(row["start"]), int(row["length"])), parse_ranking)
        used = [place for place in range(len(ranking.completions)) if int(row["used"]) >> place & 1]
        return TokenizedRanking(ranking=ranking.only(used), tokens=self.prompt(number))


class _Read(NamedTuple):
    """A record, as far as an entry keeps it."""

    id: int
    prompt_id: int
    opening: int
    pairs: int
    used: int
    tokens: SharedPrompt


def write_tokens(shard: Shard, renderer: Renderer, directory: Path) -> None:
    """Raises Refused for a record that breaks the data contract, or a tokenizer that is another model's."""
    first = 0
    remarking = Remarking()
    with (directory / ROWS).open("wb") as rows, (directory / IDS).open("wb") as tokens:
        for place, read in _records(shard, renderer, remarking):
            made, lengths = read.tokens, read.tokens.completions
            tokens.write(made.ids.numpy().astype("<i4").tobytes())
            row = (
                *place, first, made.prefix, (*lengths, *[0] * (K_HIGHEST - len(lengths))), len(lengths), read.used,
                made.dropped, read.pairs, read.id, read.prompt_id, read.opening,
            )  # fmt: skip
            rows.write(np.array([row], dtype=ROW).tobytes())
            first += len(made.ids)
    write_json_file(directory / REMARKS, {str(reason): remark for reason, remark in remarking.remarks.items()})


def _records(shard: Shard, renderer: Renderer, remarking: Remarking) -> Iterator[tuple[Place, _Read]]:
    if shard.kind == "rankings":
        for place, ranking in shard.read(parse_ranking):
            read = _ranking(ranking, renderer, remarking)
            if read is not None:
                yield place, read
    else:
        for place, ideal in shard.read(parse_demonstration):
            usable = usable_part(
                ideal.demonstration_id, renderer, ideal.prompt, [ideal.completion], ranks=[1], remarking=remarking
            )
            if usable is not None:
                yield place, _Read(ideal.demonstration_id, 0, 0, 0, used=1, tokens=usable.tokens)


def _ranking(ranking: Ranking, renderer: Renderer, remarking: Remarking) -> _Read | None:
    usable = usable_part(
        ranking.ranking_id, renderer, ranking.prompt, ranking.completions, ranks=ranking.ranks, remarking=remarking
    )
    if usable is None:
        return None
    ranks = torch.tensor([ranking.ranks[place] for place in usable.places])
    return _Read(
        id=ranking.ranking_id,
        prompt_id=ranking.prompt_id,
        opening=int(opening_key(ranking.prompt)[:16], 16),
        pairs=int(usable_pairs(ranks).sum()),
        used=sum(1 << place for place in usable.places),
        tokens=usable.tokens,
    )


def _mapped(path: Path, kind: Any) -> NDArray[Any]:
    """Nothing can't be mapped."""
    return np.memmap(path, dtype=kind, mode="r") if path.stat().st_size else np.empty(0, dtype=kind)
