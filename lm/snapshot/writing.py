"""Writes the files of a snapshot (docs/data-contract.md), hashed and counted while they are written."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Self

from lm.chat_template import plain_template
from lm.errors import Refused
from lm.snapshot.card import CARD, CARD_NAME, dataset_card
from lm.snapshot.features import features_of
from lm.snapshot.manifest import MANIFEST_NAME, Counts, FileEntry, LeftOut, Manifest
from lm.snapshot.parquet import PARQUET, write_parquet
from lm.snapshot.records.written import DemonstrationRecord, PairRecord, PromptRecord, RankingRecord

Record = RankingRecord | PairRecord | DemonstrationRecord | PromptRecord

BUFFER_BYTES = 1 << 20
READ_ONLY = 0o444
TEMPLATE_NAME = "chat_template.jinja"
TEMPLATE = "chat_template"
"""Its kind in the manifest."""
RENDERED_BY_OTHERS = frozenset({"pairs", "demonstrations"})
"""What TRL trains on as it stands; a base model without a chat template needs one for it, and should get ours."""
SHARD_BYTES = 128 << 20
"""A file that is this large or larger gets no further record. A constant and no setting: it decides what is written."""

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


class SnapshotWriter:
    """Writes into a directory, a file for each kind and split, or several shards. As a context it closes them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._shards: dict[tuple[str, str], list[_HashedFile]] = defaultdict(list)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._open.close()

    @property
    def empty(self) -> bool:
        """Whether nothing was written yet."""
        return not self._shards

    def write(self, kind: str, split: str, record: Record) -> None:
        """Raises Refused for a record that JSON can't hold."""
        self.write_line(kind, split, line_of(record))

    def write_line(self, kind: str, split: str, line: bytes) -> None:
        """Writes a record's line, its line end included, as it stands."""
        shards = self._shards[kind, split]
        if not shards or shards[-1].bytes >= SHARD_BYTES:
            if shards:
                shards[-1].close()
            shards.append(_HashedFile(self._directory / kind / f"{split}-{len(shards) + 1:05d}.jsonl"))
            self._open.callback(shards[-1].close)
        shards[-1].write(line)

    def entries(self) -> tuple[FileEntry, ...]:
        """Returns the files by path, once they are closed; a split's only file loses its number."""
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

    def finish(
        self,
        *,
        as_of: datetime,
        filters: Mapping[str, object],
        counts: Counts,
        left_out: LeftOut | None = None,
        parquet: bool = False,
    ) -> Manifest:
        """Closes the files and writes the dataset card, the chat template with which TRL renders pairs and
        demonstrations for a base model, and the manifest of them all; with `parquet` the same as Parquet."""
        self._open.close()
        files = self.entries()
        card = dataset_card(files, as_of=as_of, filters=filters, counts=counts)
        (self._directory / CARD_NAME).write_text(card, encoding="utf-8")
        made = [self._entry_of(CARD_NAME, kind=CARD, split="", records=0)]
        if {file.kind for file in files} & RENDERED_BY_OTHERS:
            (self._directory / TEMPLATE_NAME).write_text(plain_template(), encoding="utf-8")
            made.append(self._entry_of(TEMPLATE_NAME, kind=TEMPLATE, split="", records=0))
        made += self._parquet(files, margins=bool(filters.get("margins"))) if parquet else []
        manifest = Manifest(
            as_of=as_of,
            filters=filters,
            files=tuple(sorted([*files, *made], key=lambda entry: entry.path)),
            counts=counts,
            left_out=left_out or {},
        )
        write_manifest(self._directory, manifest)
        return manifest

    def _parquet(self, files: Sequence[FileEntry], *, margins: bool) -> list[FileEntry]:
        entries = []
        for file in files:
            path = f"{PARQUET}/{Path(file.path).with_suffix('.parquet')}"
            features = features_of(file.kind, margins=margins)
            records = write_parquet(self._directory / file.path, self._directory / path, features)
            entries.append(self._entry_of(path, kind=PARQUET, split=file.split, records=records))
        return entries

    def _entry_of(self, name: str, *, kind: str, split: str, records: int) -> FileEntry:
        """The entry of a file that was written whole, which becomes read-only."""
        path = self._directory / name
        path.chmod(READ_ONLY)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileEntry(path=name, kind=kind, split=split, records=records, bytes=path.stat().st_size, sha256=digest)


def write_manifest(directory: Path, manifest: Manifest) -> None:
    path = directory / MANIFEST_NAME
    path.write_text(manifest.as_json(), encoding="utf-8")
    path.chmod(READ_ONLY)


def line_of(record: Record) -> bytes:
    """Returns a record as a line of its file. Raises Refused for a number that JSON can't hold."""
    try:
        text = _encoder.encode(record)
    except ValueError as error:
        name = next(f"{key} {value}" for key, value in record.items() if key.endswith("_id"))
        raise Refused(f"{name} holds a number that JSON can't hold ({error}). Nothing was written.") from error
    return text.encode() + b"\n"


class _HashedFile:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        self.path = path
        self._file = path.open("xb", buffering=BUFFER_BYTES)
        path.chmod(READ_ONLY)
        self.hash = hashlib.sha256()
        self.records = 0
        self.bytes = 0

    def write(self, line: bytes) -> None:
        self._file.write(line)
        self.hash.update(line)
        self.records += 1
        self.bytes += len(line)

    def close(self) -> None:
        self._file.close()
