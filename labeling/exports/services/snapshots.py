"""Writes snapshots: the directory that training reads (docs/data-contract.md)."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TypedDict, Unpack

from django.db import transaction

from labeling.base.refusals import NothingToExport, SnapshotRefused
from labeling.base.states import LabelsChosen
from labeling.desk.ranking.rules.pairs import usable_pairs
from labeling.exports.models import Snapshot
from labeling.exports.services.consensus import combined_records
from labeling.exports.services.imported_rankings import imported_ranking_records
from labeling.exports.services.records.demonstrations import demonstration_records
from labeling.exports.services.records.pairs import pair_records
from labeling.exports.services.records.prompts import prompt_records
from labeling.exports.services.records.rankings import ranking_records
from labeling.exports.services.selected import left_out_of
from labeling.exports.services.selection import LABELS, Selection, select
from lm.atomic_files import atomic_directory
from lm.errors import Failed, Refused
from lm.snapshot.manifest import Counts, LeftOut, Manifest, utc_text
from lm.snapshot.records.written import DemonstrationRecord, PromptRecord, RankingRecord
from lm.snapshot.writing import SnapshotWriter


class SnapshotOptions(TypedDict, total=False):
    """What a snapshot holds: the same for the commands, the admin and programs. What is left out has its default.

    `kinds`: some of rankings, pairs, demonstrations, prompts; all but prompts where left out. `as_of`, `since`: handed
    in up to the one, now where left out, and after the other. `margins`: pairs say how much better. `parquet`: the same
    as Parquet, too. `include_imported`: existing comparisons, behind the labelers' rankings. `include_left_out`: what
    admins left out of training, too. `reward_model`: only what its campaigns feed it with. `labels`: all, consensus or
    adjudicated (labeling/exports/services/consensus.py).
    """

    kinds: Sequence[str]
    as_of: datetime | None
    since: datetime | None
    campaign: str | None
    split: str | None
    include_simulated: bool
    held_out: bool
    margins: bool
    parquet: bool
    include_imported: bool
    include_left_out: bool
    labels: str
    reward_model: str | None


def write_snapshot(directory: Path, **options: Unpack[SnapshotOptions]) -> Manifest:
    """Everything that the options select. The same time and options write the same bytes, whatever happens meanwhile.

    What admins left out of training is left out here, and counted, unless it is asked for. Raises SnapshotRefused:
    `directory` exists, an option names nothing, a time is still to come, the disk is full; NothingToExport when no
    record matches.
    """
    selection = selection_of(options)
    _refuse_existing(directory)
    try:
        with atomic_directory(directory) as partial, SnapshotWriter(partial) as files:
            manifest = _write(files, selection, parquet=options.get("parquet", False))
            _refuse_existing(directory)
    except Failed as failed:
        raise SnapshotRefused(
            f"{str(failed).rstrip('.')}; make room or choose another place, then export again."
        ) from failed
    except Refused as refused:
        raise SnapshotRefused(str(refused)) from refused
    return manifest


def make_snapshot(directory: Path, *, made_by: str, **options: Unpack[SnapshotOptions]) -> tuple[Snapshot, Manifest]:
    """Writes a snapshot and puts it on record, where the admin lists it. Raises SnapshotRefused, NothingToExport."""
    manifest = write_snapshot(directory, **options)
    return register_snapshot(manifest=manifest, path=directory, made_by=made_by), manifest


def selection_of(options: SnapshotOptions) -> Selection:
    """Which records the options select now, or as of their time. Raises SnapshotRefused."""
    return select(
        kinds=options.get("kinds", LABELS),
        as_of=options.get("as_of"),
        since=options.get("since"),
        campaign=options.get("campaign"),
        split=options.get("split"),
        include_simulated=options.get("include_simulated", False),
        held_out=options.get("held_out", False),
        margins=options.get("margins", False),
        include_imported=options.get("include_imported", False),
        include_left_out=options.get("include_left_out", False),
        labels=options.get("labels", LabelsChosen.ALL),
        reward_model=options.get("reward_model"),
    )


def _refuse_existing(directory: Path) -> None:
    if directory.exists() or directory.is_symlink():
        raise SnapshotRefused(f"{directory} exists already, and a snapshot never changes. Name a new directory.")


def _write(files: SnapshotWriter, selection: Selection, *, parquet: bool) -> Manifest:
    tally = _Tally()
    left_out = left_out_of(selection)
    with transaction.atomic():
        if {"rankings", "pairs"} & set(selection.kinds):
            _write_rankings(files, tally, selection)
        if "demonstrations" in selection.kinds:
            _write_demonstrations(files, tally, selection)
        if "prompts" in selection.kinds:
            for record in prompt_records(selection):
                files.write("prompts", record["split"], record)
                tally.prompt(record)
    if files.empty:
        narrowed = {name: value for name, value in selection.filters().items() if value and name != "kinds"}
        raise NothingToExport(
            f"No record matches: {', '.join(selection.kinds)} as of {utc_text(selection.as_of)} with the filters "
            f"{json.dumps(narrowed)}. Nothing was written.{_in_words(left_out)}"
        )
    return files.finish(
        as_of=selection.as_of, filters=selection.filters(), counts=tally.counts(), left_out=left_out, parquet=parquet
    )


def _in_words(left_out: LeftOut) -> str:
    count = sum(sum(reasons.values()) for reasons in left_out.values())
    return f" {count} are left out of training; --include-left-out takes them." if count else ""


def _write_rankings(files: SnapshotWriter, tally: "_Tally", selection: Selection) -> None:
    if selection.labels == LabelsChosen.ALL:
        labelers = ranking_records(selection, edits_left_out=tally.edits_left_out)
    else:
        labelers = combined_records(selection, edits_left_out=tally.edits_left_out)
    for record in chain(labelers, imported_ranking_records(selection)):
        if "rankings" in selection.kinds:
            files.write("rankings", record["split"], record)
        if "pairs" in selection.kinds:
            for pair in pair_records(record, margins=selection.margins):
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
        if record["label"] != "labeler":
            self._numbers[record["split"]][record["label"]] += 1
        if record["imported"] is not None:
            self._numbers[record["split"]]["imported_rankings"] += 1
        if record["simulated"]:
            self._numbers[record["split"]]["simulated"] += 1
        self._add_origin(record)

    def demonstration(self, record: DemonstrationRecord) -> None:
        self._numbers[record["split"]]["demonstrations"] += 1
        if record["simulated"]:
            self._numbers[record["split"]]["simulated_demonstrations"] += 1
        self._add_origin(record)

    def prompt(self, record: PromptRecord) -> None:
        self._prompts[record["split"]].add(record["prompt_id"])

    def _add_origin(self, record: RankingRecord | DemonstrationRecord) -> None:
        self._prompts[record["split"]].add(record["prompt_id"])
        if record["labeler"] is not None:
            self._labelers[record["split"]].add(record["labeler"])

    def counts(self) -> Counts:
        return {
            split: dict(self._numbers[split])
            | {"prompts": len(self._prompts[split]), "labelers": len(self._labelers[split])}
            | ({"edits_left_out": self.edits_left_out[split]} if self.edits_left_out[split] else {})
            for split in sorted(self._prompts)
        }


def register_snapshot(*, manifest: Manifest, path: Path, made_by: str) -> Snapshot:
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
            "made_by": made_by,
        },
    )
    if snapshot.sha256 != manifest.sha256:
        raise SnapshotRefused(f"{path} is on record as snapshot {snapshot.pk} with other content; it was overwritten.")
    return snapshot
