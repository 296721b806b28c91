"""What the two export commands share: the filters, and what is said at the end."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from pathlib import Path
from socket import gethostname
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.base.refusals import SnapshotRefused
from labeling.base.states import LabelsChosen
from labeling.exports.rules import moment_of
from labeling.exports.services.snapshots import make_snapshot
from lm.snapshot.manifest import Manifest, utc_text
from lm.snapshot.records.constants import SPLITS


def moment(text: str) -> datetime:
    try:
        return moment_of(text)
    except ValueError as wrong:
        raise ArgumentTypeError(str(wrong)) from None


class ExportCommand(BaseCommand):
    """Calls `make_snapshot`; subclasses say for which kinds of record."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--output", required=True, type=Path, metavar="DIR", help="A directory that isn't there yet."
        )
        parser.add_argument("--campaign", metavar="SLUG", help="Only this campaign.")
        parser.add_argument("--split", choices=SPLITS, help="Only this split.")
        parser.add_argument(
            "--as-of",
            type=moment,
            metavar="TIME",
            help="What was handed in up to this time (ISO 8601, UTC unless it says otherwise). Left out: now.",
        )
        parser.add_argument(
            "--since",
            type=moment,
            metavar="TIME",
            help="Only what was handed in after this time, such as the --as-of of the export before.",
        )
        parser.add_argument("--parquet", action="store_true", help="The same as Parquet, beside the JSONL files.")
        parser.add_argument("--include-simulated", action="store_true", help="Simulated labelers' work, too.")
        parser.add_argument(
            "--include-imported", action="store_true", help="Existing comparisons that were imported, too."
        )
        parser.add_argument(
            "--labels",
            choices=LabelsChosen.values,
            default=LabelsChosen.ALL.value,
            help="Of tasks that several labelers ranked: all rankings (the default), their consensus by ranked pairs "
            "(adjudicated tasks as adjudicated), or adjudicated tasks alone.",
        )
        parser.add_argument("--held-out", action="store_true", help="Held-out labelers' work, and nobody else's.")

        parser.add_argument("--reward-model", metavar="SLUG", help="Only the campaigns that feed this reward model.")
        parser.add_argument(
            "--include-left-out",
            action="store_true",
            help="What admins left out of training, and campaigns that never train, too.",
        )

    def export(self, options: dict[str, Any], *, kinds: list[str]) -> None:
        try:
            snapshot, manifest = make_snapshot(
                options["output"],
                made_by=f"{self.name()} on {gethostname()}",
                kinds=kinds,
                as_of=options["as_of"],
                since=options["since"],
                margins=options.get("margins", False),
                parquet=options["parquet"],
                campaign=options["campaign"],
                split=options["split"],
                include_simulated=options["include_simulated"],
                held_out=options["held_out"],
                include_imported=options["include_imported"],
                include_left_out=options["include_left_out"],
                labels=options["labels"],
                reward_model=options["reward_model"],
            )
        except SnapshotRefused as refused:
            raise CommandError(str(refused)) from refused
        self._report(manifest, options["output"])
        self.stdout.write(f"The admin lists it as snapshot {snapshot.pk}.")

    def name(self) -> str:
        """The command's name, as it is typed."""
        return type(self).__module__.rpartition(".")[2]

    def _report(self, manifest: Manifest, output: Path) -> None:
        for split, counts in manifest.counts.items():
            numbers = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items())
            self.stdout.write(f"{split}: {numbers}")
        for kind, reasons in manifest.left_out.items():
            counted = ", ".join(f"{number:,} by {reason}" for reason, number in reasons.items())
            self.stdout.write(f"left out: {kind}, {counted}".replace("_", " "))
        self.stdout.write(f"{output}: {manifest.bytes:,} bytes as of {utc_text(manifest.as_of)}")
        self.stdout.write(f"sha256 {manifest.sha256}")
