"""Snapshots made inside a test, after docs/data-contract.md and without the exporter that writes real ones."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def ranking(
    ranking_id: int,
    completions: Sequence[tuple[str, int]],
    *,
    prompt: str = "Write about an animal.",
    prompt_id: int | None = None,
) -> Record:
    """One ranking of (text, rank) completions; what the trainer doesn't read has plausible values."""
    return {
        "schema": 1,
        "ranking_id": ranking_id,
        "revision": 1,
        "task_id": ranking_id,
        "prompt_id": ranking_id if prompt_id is None else prompt_id,
        "campaign": "starter",
        "split": "train",
        "prompt": [{"role": "user", "content": prompt}],
        "completions": [
            {
                "completion_id": ranking_id * 10 + position,
                "text": text,
                "rank": rank,
                "quality": 4,
                "flags": [],
                "note": "",
                "shown_position": position,
                "model": "tiny",
                "model_version_id": 1,
            }
            for position, (text, rank) in enumerate(completions)
        ],
        "labeler": "L1",
        "labeler_group": "training",
        "simulated": False,
    }


def demonstration(demonstration_id: int, text: str, *, prompt: str = "Write about an animal.") -> Record:
    return {
        "schema": 1,
        "demonstration_id": demonstration_id,
        "revision": 1,
        "prompt_id": demonstration_id,
        "campaign": "starter",
        "split": "train",
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": text}],
        "labeler": "L2",
    }


def write_snapshot(
    directory: Path,
    *,
    rankings: dict[str, list[Record]] | None = None,
    demonstrations: dict[str, list[Record]] | None = None,
    shard_size: int | None = None,
    empty: Iterable[str] = (),
) -> Path:
    """A valid snapshot of the records by split; a split without records gets no file, of those in `empty` an empty one.

    With `shard_size` a split has a file for as many records.
    """
    files = [
        _write_records(directory, kind, split, f"{split}-{number + 1:05d}" if shard_size else split, part)
        for kind, splits in (("demonstrations", demonstrations), ("rankings", rankings))
        for split, records in (splits or {}).items()
        for number, part in enumerate(_parts(records, shard_size or len(records) or 1))
    ]
    files += [_write_records(directory, "rankings", split, split, []) for split in empty]
    write_manifest(directory, files)
    return directory


def write_manifest(directory: Path, files: Iterable[Record]) -> None:
    manifest: Record = {
        "schema": 1,
        "as_of": "2026-01-02T03:04:05.000006Z",
        "filters": {
            "kinds": ["rankings"],
            "campaign": None,
            "split": None,
            "include_simulated": False,
            "held_out": False,
        },
        "files": sorted(files, key=lambda entry: str(entry["path"])),
        "counts": {},
    }
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    manifest["sha256"] = hashlib.sha256(canonical.encode()).hexdigest()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")


def _parts(records: list[Record], size: int) -> list[list[Record]]:
    return [records[start : start + size] for start in range(0, len(records), size)]


def _has_lone_surrogate(record: Record) -> bool:
    """Whether a text has one: no UTF-8 holds it, but JSON's escapes do."""
    return any("\ud800" <= character <= "\udfff" for character in json.dumps(record, ensure_ascii=False))


def _write_records(directory: Path, kind: str, split: str, name: str, records: list[Record]) -> Record:
    path = directory / kind / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(
        json.dumps({**record, "split": split}, ensure_ascii=_has_lone_surrogate(record)) + "\n" for record in records
    ).encode()
    path.write_bytes(content)
    return {
        "path": f"{kind}/{name}.jsonl",
        "kind": kind,
        "split": split,
        "records": len(records),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
