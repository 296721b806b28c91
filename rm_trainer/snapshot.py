"""Reads a snapshot directory (docs/data-contract.md) and refuses it when a single byte isn't what its manifest says.

Records are read one at a time, never a file as a whole: a snapshot may be larger than memory.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from rm_trainer.errors import Refused
from rm_trainer.records import Demonstration, Ranking, parse_demonstration, parse_ranking

T = TypeVar("T")
Kind = Literal["rankings", "demonstrations"]


class Place(NamedTuple):
    """Where a record's line is in its file, in bytes."""

    start: int
    length: int


@dataclass(frozen=True)
class Shard:
    """One file of a snapshot: some records of one kind and split, one a line."""

    path: Path
    kind: str
    split: str
    records: int
    sha256: str

    def read(self, parse: Callable[[dict[str, Any]], T]) -> Iterator[tuple[Place, T]]:
        """Every record with its place, in file order. Raises Refused with the line's number."""
        start = number = 0
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield Place(start, len(line)), parse(_record(line))
                except (ValueError, Refused) as error:
                    raise Refused(f"Line {number} of {self.path} can't be used: {error}.") from error
                start += len(line)
        if number != self.records:
            raise Refused(
                f"{self.path} holds {number} records and its manifest says {self.records}. Export the snapshot again."
            )

    def read_at(self, place: Place, parse: Callable[[dict[str, Any]], T]) -> T:
        """One record that `read` gave before."""
        with self.path.open("rb") as file:
            file.seek(place.start)
            return parse(_record(file.read(place.length)))


@dataclass(frozen=True)
class Snapshot:
    """A verified snapshot."""

    directory: Path
    sha256: str
    files: tuple[Shard, ...]

    def splits(self, kind: Kind) -> list[str]:
        return sorted({shard.split for shard in self.files if shard.kind == kind})

    def shards(self, kind: Kind, split: str) -> list[Shard]:
        """The split's files in the order of their names, which is that of their records; there may be none."""
        chosen = [shard for shard in self.files if (shard.kind, shard.split) == (kind, split)]
        return sorted(chosen, key=lambda shard: shard.path)

    def records(self, kind: Kind, split: str) -> int:
        """How many there are, as the manifest says; reading a file proves it."""
        return sum(shard.records for shard in self.shards(kind, split))

    def rankings(self, split: str) -> Iterator[Ranking]:
        """The split's rankings in file order. Raises Refused."""
        for shard in self.shards("rankings", split):
            yield from (ranking for _, ranking in shard.read(parse_ranking))

    def demonstrations(self, split: str) -> Iterator[Demonstration]:
        """The split's demonstrations in file order. Raises Refused."""
        for shard in self.shards("demonstrations", split):
            yield from (ideal for _, ideal in shard.read(parse_demonstration))


def open_snapshot(directory: Path) -> Snapshot:
    """Checks the manifest's own hash, then every file's, before anything is read from them. Raises Refused."""
    manifest = _read_manifest(directory / "manifest.json")
    for entry in manifest["files"]:
        _check_file(directory, entry)
    shards = tuple(
        Shard(
            path=directory / str(entry["path"]),
            kind=str(entry["kind"]),
            split=str(entry["split"]),
            records=int(entry["records"]),
            sha256=str(entry["sha256"]),
        )
        for entry in manifest["files"]
    )
    return Snapshot(directory=directory, sha256=manifest["sha256"], files=shards)


def manifest_sha256(manifest: dict[str, Any]) -> str:
    """sha256 of the manifest's canonical JSON (sorted keys, no spaces) without its own `sha256` field."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _record(line: bytes) -> dict[str, Any]:
    record = json.loads(line)
    if not isinstance(record, dict):
        raise Refused("it is not a JSON object")
    return record


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise Refused(f"{path} does not exist: {path.parent} is not a snapshot. Give a directory that an export wrote.")
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError as error:
        raise Refused(f"{path} is not JSON ({error}). Export the snapshot again.") from error
    if not isinstance(manifest, dict) or manifest.get("schema") != 1:
        raise Refused(
            f"{path} is not a manifest of schema 1, the one that this trainer reads. Export the snapshot again."
        )
    if manifest.get("sha256") != manifest_sha256(manifest):
        raise Refused(
            f"{path} does not match its own sha256: it was changed after the export. Export the snapshot again."
        )
    return manifest


def _check_file(directory: Path, entry: dict[str, Any]) -> None:
    path = directory / str(entry["path"])
    if not path.resolve().is_relative_to(directory.resolve()):
        raise Refused(
            f"{directory / 'manifest.json'} names {entry['path']}, which is outside the snapshot. Nothing was read."
        )
    if not path.is_file():
        raise Refused(f"{path} is missing, though the manifest names it. Export the snapshot again.")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != entry["sha256"]:
        raise Refused(
            f"{path} does not match the sha256 in its manifest: it is damaged or was changed. Export it again."
        )
