from typing import Any

from labeling.management.export_command import ExportCommand


class Command(ExportCommand):
    help = "Writes demonstrations into a new snapshot directory, in TRL's prompt-completion format and more."

    def handle(self, **options: Any) -> None:
        self.export(options, kinds=["demonstrations"])
