"""Reads a snapshot directory (docs/data-contract.md) and refuses it when a single byte isn't what its manifest says."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from rm_trainer.errors import Refused
from rm_trainer.records import Demonstration, Ranking, parse_demonstration, parse_ranking

T = TypeVar("T")
Kind = Literal["rankings", "demonstrations"]


@dataclass(frozen=True)
class Snapshot:
    """A verified snapshot: `files` maps (kind, split) to a path below `directory`."""

    directory: Path
    sha256: str
    files: dict[tuple[str, str], str]

    def has(self, kind: Kind) -> bool:
        return any(file_kind == kind for file_kind, _ in self.files)

    def splits(self, kind: Kind) -> list[str]:
        return sorted(split for file_kind, split in self.files if file_kind == kind)

    def rankings(self, split: str) -> list[Ranking]:
        """The split's rankings in file order; none when it has no such file. Raises Refused."""
        return list(self._records("rankings", split, parse_ranking))

    def demonstrations(self, split: str) -> list[Demonstration]:
        """The split's demonstrations in file order; none when it has no such file. Raises Refused."""
        return list(self._records("demonstrations", split, parse_demonstration))

    def _records(self, kind: Kind, split: str, parse: Callable[[dict[str, Any]], T]) -> Iterator[T]:
        name = self.files.get((kind, split))
        if name is None:
            return
        with (self.directory / name).open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield parse(json.loads(line))
                except (ValueError, Refused) as error:
                    raise Refused(f"Line {number} of {self.directory / name} can't be used: {error}.") from error


def open_snapshot(directory: Path) -> Snapshot:
    """Checks the manifest's own hash, then every file's, before anything is read from them. Raises Refused."""
    manifest = _read_manifest(directory / "manifest.json")
    for entry in manifest["files"]:
        _check_file(directory, entry)
    files = {(str(entry["kind"]), str(entry["split"])): str(entry["path"]) for entry in manifest["files"]}
    return Snapshot(directory=directory, sha256=manifest["sha256"], files=files)


def manifest_sha256(manifest: dict[str, Any]) -> str:
    """sha256 of the manifest's canonical JSON (sorted keys, no spaces) without its own `sha256` field."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


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
