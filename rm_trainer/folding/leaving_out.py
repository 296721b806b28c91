"""A snapshot without some labelers' rankings, as a snapshot of its own. Line by line, however large it is."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from rm_trainer.checkpoint import whole_directory, write_json_file
from rm_trainer.snapshot import manifest_sha256


def pairs_by_labeler(snapshot: Path) -> Counter[str]:
    """Usable pairs of each labeler who is known, over the splits that folds use: train and valid."""
    pairs: Counter[str] = Counter()
    for split in ("train", "valid"):
        for record in map(json.loads, _lines(snapshot, split)):
            ranks = [completion["rank"] for completion in record["completions"]]
            if record.get("labeler"):
                pairs[record["labeler"]] += sum(better < worse for better in ranks for worse in ranks)
    return pairs


def leave_out(snapshot: Path, directory: Path, labelers: Collection[str]) -> None:
    """Writes `directory`: train and valid without the labelers, and their valid rankings as the split held_out.

    The same snapshot and labelers give the same hash. Demonstrations and the test split stay out.
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with whole_directory(directory) as unfinished:
        files = [
            _write(unfinished, "train", _by(snapshot, "train", labelers, inside=False)),
            _write(unfinished, "valid", _by(snapshot, "valid", labelers, inside=False)),
            _write(unfinished, "held_out", _by(snapshot, "valid", labelers, inside=True)),
        ]
        manifest = json.loads((snapshot / "manifest.json").read_bytes())
        filters = {**manifest["filters"], "kinds": ["rankings"], "without_labelers": sorted(labelers)}
        content = {"schema": 1, "as_of": manifest["as_of"], "filters": filters, "counts": {}}
        content["files"] = sorted((one for one in files if one["records"]), key=lambda one: str(one["path"]))
        write_json_file(unfinished / "manifest.json", {**content, "sha256": manifest_sha256(content)})


def _by(snapshot: Path, split: str, labelers: Collection[str], *, inside: bool) -> Iterator[bytes]:
    return (line for line in _lines(snapshot, split) if (json.loads(line).get("labeler") in labelers) is inside)


def _lines(snapshot: Path, split: str) -> Iterator[bytes]:
    manifest = json.loads((snapshot / "manifest.json").read_bytes())
    for entry in manifest["files"]:
        if (entry["kind"], entry["split"]) == ("rankings", split):
            with (snapshot / entry["path"]).open("rb") as lines:
                yield from lines


def _write(directory: Path, split: str, lines: Iterator[bytes]) -> dict[str, Any]:
    path = directory / "rankings" / f"{split}.jsonl"
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        records, size, digest = _copy(lines, file)
    if not records:
        path.unlink()
    return {
        "path": f"rankings/{split}.jsonl", "kind": "rankings", "split": split, "records": records, "bytes": size,
        "sha256": digest,
    }  # fmt: skip


def _copy(lines: Iterator[bytes], file: BinaryIO) -> tuple[int, int, str]:
    digest, records, size = hashlib.sha256(), 0, 0
    for line in lines:
        file.write(line)
        digest.update(line)
        records, size = records + 1, size + len(line)
    return records, size, digest.hexdigest()
