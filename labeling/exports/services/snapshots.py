"""Writes snapshots: the directory that training reads (docs/data-contract.md)."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from django.db import transaction

from labeling.base.refusals import NothingToExport, SnapshotRefused
from labeling.desk.ranking.rules.pairs import usable_pairs
from labeling.exports.models import Snapshot
from labeling.exports.services.records import demonstration_records, pair_records, ranking_records
from labeling.exports.services.selected import left_out_of
from labeling.exports.services.selection import Selection, select
from lm.atomic_files import atomic_directory
from lm.errors import Failed, Refused
from lm.snapshot.manifest import Counts, LeftOut, Manifest, utc_text
from lm.snapshot.records import DemonstrationRecord, RankingRecord
from lm.snapshot.writing import SnapshotWriter


def write_snapshot(
    directory: Path,
    *,
    kinds: Iterable[str],
    as_of: datetime | None = None,
    campaign: str | None = None,
    split: str | None = None,
    include_simulated: bool = False,
    held_out: bool = False,
    include_left_out: bool = False,
    reward_model: str | None = None,
) -> Manifest:
    """Everything of `kinds` (rankings, pairs, demonstrations) that was handed in up to `as_of`, or up to now.

    Of a reward model only what its campaigns feed it with. What admins left out of training is left out here, and
    counted, unless it is asked for.
    The same time and filters write the same bytes, whatever happens meanwhile. Raises SnapshotRefused: `directory`
    exists, a filter names nothing, `as_of` is still to come, the disk is full; NothingToExport when no record matches.
    """
    selection = select(
        kinds=kinds,
        as_of=as_of,
        campaign=campaign,
        split=split,
        include_simulated=include_simulated,
        held_out=held_out,
        include_left_out=include_left_out,
        reward_model=reward_model,
    )
    _refuse_existing(directory)
    try:
        with atomic_directory(directory) as partial, SnapshotWriter(partial) as files:
            manifest = _write(files, selection)
            _refuse_existing(directory)
    except Failed as failed:
        raise SnapshotRefused(
            f"{str(failed).rstrip('.')}; make room or choose another place, then export again."
        ) from failed
    except Refused as refused:
        raise SnapshotRefused(str(refused)) from refused
    return manifest


def _refuse_existing(directory: Path) -> None:
    if directory.exists() or directory.is_symlink():
        raise SnapshotRefused(f"{directory} exists already, and a snapshot never changes. Name a new directory.")


def _write(files: SnapshotWriter, selection: Selection) -> Manifest:
    tally = _Tally()
    left_out = left_out_of(selection)
    with transaction.atomic():
        if {"rankings", "pairs"} & set(selection.kinds):
            _write_rankings(files, tally, selection)
        if "demonstrations" in selection.kinds:
            _write_demonstrations(files, tally, selection)
    if files.empty:
        raise NothingToExport(
            f"No record matches: {', '.join(selection.kinds)} as of {utc_text(selection.as_of)} with the filters "
            f"{json.dumps(selection.filters())}. Nothing was written.{_in_words(left_out)}"
        )
    return files.finish(as_of=selection.as_of, filters=selection.filters(), counts=tally.counts(), left_out=left_out)


def _in_words(left_out: LeftOut) -> str:
    count = sum(sum(reasons.values()) for reasons in left_out.values())
    return f" {count} are left out of training; --include-left-out takes them." if count else ""


def _write_rankings(files: SnapshotWriter, tally: "_Tally", selection: Selection) -> None:
    for record in ranking_records(selection, edits_left_out=tally.edits_left_out):
        if "rankings" in selection.kinds:
            files.write("rankings", record["split"], record)
        if "pairs" in selection.kinds:
            for pair in pair_records(record):
                files.write("pairs", record["split"], pair)
        tally.ranking(record)


def _write_demonstrations(files: SnapshotWriter, tally: "_Tally", selection: Selection) -> None:
    for record in demonstration_records(selection):
        files.write("demonstrations", record["split"], record)
        tally.demonstration(record)


class _Tally:
    """Counts by split, as the manifest states them. Of prompts and labelers it keeps the ids: 0.1 KB each."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._prompts: dict[str, set[int]] = defaultdict(set)
        self._labelers: dict[str, set[str]] = defaultdict(set)
        self.edits_left_out: Counter[str] = Counter()

    def ranking(self, record: RankingRecord) -> None:
        pairs = usable_pairs([completion["rank"] for completion in record["completions"]])
        self._numbers[record["split"]]["rankings"] += 1
        self._numbers[record["split"]]["usable_pairs"] += len(pairs)
        if record["simulated"]:
            self._numbers[record["split"]]["simulated"] += 1
        self._add_origin(record)

    def demonstration(self, record: DemonstrationRecord) -> None:
        self._numbers[record["split"]]["demonstrations"] += 1
        self._add_origin(record)

    def _add_origin(self, record: RankingRecord | DemonstrationRecord) -> None:
        self._prompts[record["split"]].add(record["prompt_id"])
        if record["labeler"] is not None:
            self._labelers[record["split"]].add(record["labeler"])

    def counts(self) -> Counts:
        return {
            split: dict(numbers)
            | {"prompts": len(self._prompts[split]), "labelers": len(self._labelers[split])}
            | ({"edits_left_out": self.edits_left_out[split]} if self.edits_left_out[split] else {})
            for split, numbers in sorted(self._numbers.items())
        }


def register_snapshot(*, manifest: Manifest, path: Path) -> Snapshot:
    """The directory's row, new or the one it has. Raises SnapshotRefused when the row is of another manifest."""
    snapshot, _ = Snapshot.objects.get_or_create(
        path=str(path.resolve()),
        defaults={
            "as_of": manifest.as_of,
            "filters": manifest.filters,
            "counts": manifest.counts,
            "left_out": manifest.left_out,
            "sha256": manifest.sha256,
            "bytes": manifest.bytes,
        },
    )
    if snapshot.sha256 != manifest.sha256:
        raise SnapshotRefused(f"{path} is on record as snapshot {snapshot.pk} with other content; it was overwritten.")
    return snapshot
