"""manifest.json: what a snapshot holds and the hashes that prove it (docs/data-contract.md)."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labeling.base.refusals import SnapshotRefused

SCHEMA = 1
MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """One file of a snapshot; `path` is relative to its directory."""

    path: str
    kind: str
    split: str
    records: int
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """`counts`: by split, then by rankings, usable_pairs, prompts, labelers, demonstrations."""

    as_of: datetime
    filters: dict[str, Any]
    files: tuple[FileEntry, ...]
    counts: dict[str, dict[str, int]]

    @property
    def sha256(self) -> str:
        """The snapshot's name for provenance: of the canonical JSON of all but itself."""
        return _canonical_sha256(self._content())

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    def as_json(self) -> str:
        return json.dumps(self._content() | {"sha256": self.sha256}, ensure_ascii=False, indent=1) + "\n"

    def _content(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "as_of": utc_text(self.as_of),
            "filters": self.filters,
            "files": [asdict(file) for file in self.files],
            "counts": self.counts,
        }


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC, always with microseconds: 2026-01-02T03:04:05.000006Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def verify_snapshot(directory: Path) -> Manifest:
    """The manifest, after every byte was checked against it. Raises SnapshotRefused with the name of the wrong file."""
    manifest = _read(directory / MANIFEST_NAME)
    for entry in manifest.files:
        _check_file(directory, entry)
    stray = sorted(_file_names(directory) - {entry.path for entry in manifest.files} - {MANIFEST_NAME})
    if stray:
        raise SnapshotRefused(f"{directory / stray[0]} is not in the manifest; a snapshot never changes.")
    return manifest


def _read(path: Path) -> Manifest:
    try:
        content = json.loads(path.read_bytes())
        stated = content.pop("sha256")
        if content["schema"] != SCHEMA:
            raise SnapshotRefused(f"{path} has schema {content['schema']}; this Concord reads schema {SCHEMA}.")
        manifest = Manifest(
            as_of=datetime.fromisoformat(content["as_of"]),
            filters=content["filters"],
            files=tuple(FileEntry(**entry) for entry in content["files"]),
            counts=content["counts"],
        )
    except OSError as error:
        raise SnapshotRefused(f"{path} can't be read ({error.strerror}); {path.parent} is not a snapshot.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SnapshotRefused(f"{path} is not a snapshot's manifest: {error!r}. Export again.") from error
    if stated != _canonical_sha256(content):
        raise SnapshotRefused(f"{path} does not match its own sha256: it was changed after the export. Export again.")
    return manifest


def _check_file(directory: Path, entry: FileEntry) -> None:
    path = directory / entry.path
    if not path.resolve().is_relative_to(directory.resolve()):
        raise SnapshotRefused(f"{directory / MANIFEST_NAME} names {entry.path}, which is outside the snapshot.")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SnapshotRefused(f"{path} can't be read ({error.strerror}), though the manifest names it.") from error
    if digest != entry.sha256:
        raise SnapshotRefused(f"{path} does not match its sha256: it is damaged or was changed. Export again.")


def _file_names(directory: Path) -> set[str]:
    def walk() -> Iterator[str]:
        for path in directory.rglob("*"):
            if path.is_file():
                yield path.relative_to(directory).as_posix()

    return set(walk())


def _canonical_sha256(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
