from argparse import ArgumentParser
from typing import Any

from labeling.management.export_command import ExportCommand


class Command(ExportCommand):
    help = "Writes rankings, or the pairs that they hold, into a new snapshot directory (docs/data-contract.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--format",
            choices=("pairs", "rankings"),
            default="rankings",
            help="rankings: K-way groups with ties, ratings and provenance (the default); "
            "pairs: TRL's conversational preferences.",
        )
        parser.add_argument(
            "--margins",
            action="store_true",
            help="Pairs say how much better the chosen one is, 0 to 1, as labelers said: TRL's column `margin`.",
        )

    def handle(self, **options: Any) -> None:
        self.export(options, kinds=[options["format"]])
