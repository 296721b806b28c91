"""manifest.json: what a snapshot holds and the hashes that prove it (docs/data-contract.md)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lm.errors import Refused
from lm.run_facts import SnapshotFacts

SCHEMA = 1
MANIFEST_NAME = "manifest.json"

Counts = dict[str, dict[str, int]]
"""By split, then by rankings, usable_pairs, prompts, labelers, demonstrations."""
LeftOut = dict[str, dict[str, int]]
"""How many labels were left out: by kind of label, then by why (docs/data-contract.md)."""


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
    """`filters`: what was selected (docs/data-contract.md)."""

    as_of: datetime
    filters: Mapping[str, object]
    files: tuple[FileEntry, ...]
    counts: Counts
    left_out: LeftOut = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """The snapshot's name for provenance: of the canonical JSON of all but itself."""
        return _canonical_sha256(self._content())

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    def as_json(self) -> str:
        return json.dumps(self._content() | {"sha256": self.sha256}, ensure_ascii=False, indent=1) + "\n"

    def facts(self) -> SnapshotFacts:
        return {
            "sha256": self.sha256,
            "as_of": utc_text(self.as_of),
            "filters": self.filters,
            "counts": self.counts,
        }

    def _content(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "as_of": utc_text(self.as_of),
            "filters": self.filters,
            "files": [asdict(file) for file in self.files],
            "counts": self.counts,
            **({"left_out": self.left_out} if self.left_out else {}),
        }


def utc_text(moment: datetime) -> str:
    """Returns ISO 8601 in UTC, always with microseconds: 2026-01-02T03:04:05.000006Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def read_manifest(directory: Path) -> Manifest:
    """Returns the snapshot's manifest. Raises Refused when it is none, or doesn't have its own hash."""
    path = directory / MANIFEST_NAME
    try:
        content = json.loads(path.read_bytes())
        stated = content.pop("sha256", None)
        if content["schema"] != SCHEMA:
            raise Refused(f"{path} has schema {content['schema']}; this Concord reads schema {SCHEMA}.")
        manifest = Manifest(
            as_of=datetime.fromisoformat(content["as_of"]),
            filters=_of_type(content["filters"], dict, "filters"),
            files=tuple(_file_entry(entry) for entry in _of_type(content["files"], list, "files")),
            counts=_counts(content["counts"]),
            left_out=_of_type(content.get("left_out", {}), dict, "left_out"),
        )
    except OSError as error:
        raise Refused(
            f"{path} can't be read ({error.strerror}): {directory} is not a snapshot. Give a directory that an export "
            "wrote."
        ) from error
    except KeyError as error:
        raise Refused(f"{path} is not a snapshot's manifest: {error} is missing. Export the snapshot again.") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"{path} is not a snapshot's manifest: {error}. Export the snapshot again.") from error
    if stated != _canonical_sha256(content):
        raise Refused(f"{path} does not match its own sha256: it was changed after the export. Export it again.")
    return manifest


def _file_entry(entry: Any) -> FileEntry:
    """Raises ValueError or TypeError."""
    kinds = {"path": str, "kind": str, "split": str, "records": int, "bytes": int, "sha256": str}
    for name, kind in kinds.items():
        _of_type(_of_type(entry, dict, "an entry of files").get(name), kind, f"{name} of an entry of files")
    if "\0" in entry["path"]:
        raise ValueError("a path has the character NUL")
    return FileEntry(**entry)


def _counts(counts: Any) -> Counts:
    """Raises ValueError."""
    for split, own in _of_type(counts, dict, "counts").items():
        for what, count in _of_type(own, dict, f"counts of {split}").items():
            _of_type(count, int, f"{what} of {split}")
    found: Counts = counts
    return found


def _of_type(value: Any, kind: type, name: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{name} is {type(value).__name__}, not {kind.__name__}")  # noqa: TRY004  (a file's fault)
    return value


def check_files(directory: Path) -> Manifest:
    """Returns the manifest, after every byte of its files was checked against it. Raises Refused, naming the file."""
    manifest = read_manifest(directory)
    for entry in manifest.files:
        _check_file(directory, entry)
    return manifest


def verify_snapshot(directory: Path) -> Manifest:
    """Returns the manifest, after it was checked that the directory holds its files and no other. Raises Refused."""
    manifest = check_files(directory)
    there = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}
    stray = sorted(there - {entry.path for entry in manifest.files} - {MANIFEST_NAME})
    if stray:
        raise Refused(f"{directory / stray[0]} is not in the manifest; a snapshot never changes. Remove the file.")
    return manifest


def _check_file(directory: Path, entry: FileEntry) -> None:
    path = directory / entry.path
    if not path.resolve().is_relative_to(directory.resolve()):
        raise Refused(
            f"{directory / MANIFEST_NAME} names {entry.path}, which is outside the snapshot. Nothing of it was read."
        )
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Refused(
            f"{path} can't be read ({error.strerror}), though the manifest names it. Export the snapshot again."
        ) from error
    if digest != entry.sha256:
        raise Refused(f"{path} does not match its sha256: it is damaged or was changed. Export the snapshot again.")


def _canonical_sha256(content: Mapping[str, Any]) -> str:
    """Returns the hash of the JSON with sorted keys and without spaces."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
