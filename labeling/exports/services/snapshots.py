"""Writes snapshots: the directory that training reads (docs/data-contract.md)."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from django.db import transaction

from labeling.base.refusals import NothingToExport, SnapshotRefused
from labeling.desk.ranking.rules import usable_pairs
from labeling.exports.rules import MANIFEST_NAME, FileEntry, Manifest, utc_text
from labeling.exports.services.directory import appearing_at_once
from labeling.exports.services.records import Record, demonstration_records, pair_records, ranking_records
from labeling.exports.services.selection import Selection, select

BUFFER_BYTES = 1 << 20
READ_ONLY = 0o444
SHARD_BYTES = 128 << 20
"""A file that is this large or larger gets no further record. A constant and no setting: it decides what is written."""

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def write_snapshot(
    directory: Path,
    *,
    kinds: Iterable[str],
    as_of: datetime | None = None,
    campaign: str | None = None,
    split: str | None = None,
    include_simulated: bool = False,
    held_out: bool = False,
) -> Manifest:
    """Everything of `kinds` (rankings, pairs, demonstrations) that was handed in up to `as_of`, or up to now.

    The same time and filters write the same bytes, whatever happens meanwhile. Raises SnapshotRefused: `directory`
    exists, a filter names nothing, `as_of` is still to come, the disk is full; NothingToExport when no record matches.
    """
    selection = select(
        kinds=kinds, as_of=as_of, campaign=campaign, split=split, include_simulated=include_simulated, held_out=held_out
    )
    with appearing_at_once(directory) as partial:
        manifest = _write(partial, selection)
        _write_manifest(partial, manifest)
    return manifest


def _write(directory: Path, selection: Selection) -> Manifest:
    tally = _Tally()
    with _Files(directory) as files, transaction.atomic():
        if {"rankings", "pairs"} & set(selection.kinds):
            _write_rankings(files, tally, selection)
        if "demonstrations" in selection.kinds:
            _write_demonstrations(files, tally, selection)
    entries = files.entries()
    if not entries:
        raise NothingToExport(
            f"No record matches: {', '.join(selection.kinds)} as of {utc_text(selection.as_of)} with the filters "
            f"{json.dumps(selection.filters())}. Nothing was written."
        )
    return Manifest(as_of=selection.as_of, filters=selection.filters(), files=entries, counts=tally.counts())


def _write_rankings(files: "_Files", tally: "_Tally", selection: Selection) -> None:
    for record in ranking_records(selection):
        if "rankings" in selection.kinds:
            files.write("rankings", record["split"], record)
        if "pairs" in selection.kinds:
            for pair in pair_records(record):
                files.write("pairs", record["split"], pair)
        tally.ranking(record)


def _write_demonstrations(files: "_Files", tally: "_Tally", selection: Selection) -> None:
    for record in demonstration_records(selection):
        files.write("demonstrations", record["split"], record)
        tally.demonstration(record)


def _write_manifest(directory: Path, manifest: Manifest) -> None:
    path = directory / MANIFEST_NAME
    path.write_text(manifest.as_json(), encoding="utf-8")
    path.chmod(READ_ONLY)


class _Files:
    """The snapshot's files, hashed and counted while they are written: one of a kind and split, or several shards."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._shards: dict[tuple[str, str], list[_HashedFile]] = defaultdict(list)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._open.close()

    def write(self, kind: str, split: str, record: Record) -> None:
        shards = self._shards[kind, split]
        if not shards or shards[-1].bytes >= SHARD_BYTES:
            if shards:
                shards[-1].close()
            shards.append(_HashedFile(self._directory / kind / f"{split}-{len(shards) + 1:05d}.jsonl"))
            self._open.callback(shards[-1].close)
        shards[-1].write_line(record)

    def entries(self) -> tuple[FileEntry, ...]:
        """By path. Complete once the files are closed; a split's only file loses its number."""
        entries = []
        for (kind, split), shards in self._shards.items():
            if len(shards) == 1:
                shards[0].path = shards[0].path.rename(self._directory / kind / f"{split}.jsonl")
            entries += [
                FileEntry(
                    path=f"{kind}/{shard.path.name}",
                    kind=kind,
                    split=split,
                    records=shard.records,
                    bytes=shard.bytes,
                    sha256=shard.hash.hexdigest(),
                )
                for shard in shards
            ]
        return tuple(sorted(entries, key=lambda entry: entry.path))


class _HashedFile:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        self.path = path
        self._file = path.open("xb", buffering=BUFFER_BYTES)
        path.chmod(READ_ONLY)
        self.hash = hashlib.sha256()
        self.records = 0
        self.bytes = 0

    def write_line(self, record: Record) -> None:
        line = _line(record)
        self._file.write(line)
        self.hash.update(line)
        self.records += 1
        self.bytes += len(line)

    def close(self) -> None:
        self._file.close()


def _line(record: Record) -> bytes:
    try:
        text = _encoder.encode(record)
    except ValueError as error:
        name = next(f"{key} {value}" for key, value in record.items() if key.endswith("_id"))
        raise SnapshotRefused(f"{name} holds a number that JSON can't hold ({error}). Nothing was written.") from error
    return text.encode() + b"\n"


class _Tally:
    """Counts by split, as the manifest states them. Of prompts and labelers it keeps the ids: 0.1 KB each."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._prompts: dict[str, set[int]] = defaultdict(set)
        self._labelers: dict[str, set[str]] = defaultdict(set)

    def ranking(self, record: Record) -> None:
        pairs = usable_pairs([completion["rank"] for completion in record["completions"]])
        self._numbers[record["split"]]["rankings"] += 1
        self._numbers[record["split"]]["usable_pairs"] += len(pairs)
        self._add_origin(record)

    def demonstration(self, record: Record) -> None:
        self._numbers[record["split"]]["demonstrations"] += 1
        self._add_origin(record)

    def _add_origin(self, record: Record) -> None:
        self._prompts[record["split"]].add(record["prompt_id"])
        if record["labeler"] is not None:
            self._labelers[record["split"]].add(record["labeler"])

    def counts(self) -> dict[str, dict[str, Any]]:
        return {
            split: dict(numbers) | {"prompts": len(self._prompts[split]), "labelers": len(self._labelers[split])}
            for split, numbers in sorted(self._numbers.items())
        }
