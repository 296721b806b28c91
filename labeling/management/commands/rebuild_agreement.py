import time
from typing import Any

from django.core.management.base import BaseCommand

from labeling.quality.agreement.services.counting import rebuild_agreement


class Command(BaseCommand):
    help = (
        "Counts the agreement between labelers anew from all rankings, while people go on working. Every hand-in keeps "
        "it up to date by itself: this is for after a restored backup, or a change of the database by hand."
    )

    def handle(self, **_options: Any) -> None:
        began = said = time.monotonic()
        tasks = 0
        for tasks in rebuild_agreement():
            if time.monotonic() - said > 5:
                said = time.monotonic()
                self.stdout.write(f"{tasks:,} shared tasks …")
        seconds = time.monotonic() - began
        self.stdout.write(self.style.SUCCESS(f"{tasks:,} shared tasks counted in {seconds:.1f} s."))
