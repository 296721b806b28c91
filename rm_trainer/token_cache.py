"""A snapshot's tokens on the disk: made once for a tokenizer, then mapped into memory, whatever their number.

    CACHE/KEY/rows.bin      a ROW for every record of one file of the snapshot, in its order
    CACHE/KEY/tokens.bin    int32: of each record the tokens that its K sequences begin with, once, then what follows
    CACHE/KEY/entry.json    the sha256 of both

KEY is the sha256 of all that decides the content: the file's own sha256, and Renderer.fingerprint. Of a snapshot that
has grown, only the files that are new are tokenised.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from rm_trainer.batches import Group
from rm_trainer.checkpoint import whole_directory, write_json_file
from rm_trainer.errors import Refused
from rm_trainer.loss import usable_pairs
from rm_trainer.records import K_HIGHEST, Message, parse_demonstration, parse_ranking
from rm_trainer.render import Rendered, Renderer
from rm_trainer.sharing.prefix import split
from rm_trainer.snapshot import Place, Shard

LAYOUT = 1
"""Counted up whenever the files of an entry change their meaning."""
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
UNUSED_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class Tokens:
    """The tokenised records of one file of a snapshot. Both arrays are maps of files, so they take no memory."""

    shard: Shard
    rows: NDArray[Any]  # [N] of ROW
    ids: NDArray[np.int32]

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


def default_cache() -> Path:
    """Tokens are kept for a user, not for an output: the next run over the same files makes them no more."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "concord" / "tokens"


def open_tokens(shard: Shard, renderer: Renderer, cache: Path) -> Tokens:
    """The shard's entry, made first where there is none or a damaged one; several processes may ask at once.

    Raises Refused for a record that can't be used, or a directory that can't be written to.
    """
    decisive = [LAYOUT, shard.kind, shard.sha256, renderer.fingerprint]
    entry = cache / hashlib.sha256(json.dumps(decisive).encode()).hexdigest()
    with _alone(entry):
        if not _whole(entry):
            shutil.rmtree(entry, ignore_errors=True)
            with whole_directory(entry) as unfinished:
                _write(shard, renderer, unfinished)
        os.utime(entry)
    return Tokens(shard=shard, rows=_mapped(entry / "rows.bin", ROW), ids=_mapped(entry / "tokens.bin", np.int32))


def forget_unused(cache: Path) -> None:
    """Removes what no run has opened for a month."""
    for entry in cache.glob("[0-9a-f]*"):
        if _unused(entry):
            with _alone(entry):
                if _unused(entry):  # still: whoever had the lock may have opened it
                    shutil.rmtree(entry)


def _unused(entry: Path) -> bool:
    return entry.exists() and time() - entry.stat().st_mtime > UNUSED_SECONDS


@contextmanager
def _alone(entry: Path) -> Iterator[None]:
    """Holds the entry's lock, which the kernel lets go of when the process ends, however it ends."""
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(entry.with_name(f".{entry.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise Refused(
            f"{entry.parent} can't be written to ({error.strerror}). Give another --cache-directory."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _whole(entry: Path) -> bool:
    try:
        stated = json.loads((entry / "entry.json").read_text())
        return bool(stated == _hashes(entry))
    except (OSError, ValueError):
        return False


def _write(shard: Shard, renderer: Renderer, directory: Path) -> None:
    first = 0
    with (directory / "rows.bin").open("wb") as rows, (directory / "tokens.bin").open("wb") as tokens:
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
    write_json_file(directory / "entry.json", _hashes(directory))


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


def _hashes(entry: Path) -> dict[str, str]:
    found = {}
    for name in ("rows.bin", "tokens.bin"):
        with (entry / name).open("rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _mapped(path: Path, kind: Any) -> NDArray[Any]:
    """Nothing can't be mapped."""
    return np.memmap(path, dtype=kind, mode="r") if path.stat().st_size else np.empty(0, dtype=kind)
