"""`manage.py up`: see laptop/up.py."""

import os
import signal
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from laptop.embedded import EmbeddedServicesError
from laptop.reaper import go_on_in_a_child
from laptop.up import Options, Up, UpError
from lm.child_processes import end_with_own_parent


class Command(BaseCommand):
    help = "Run everything on this machine: PostgreSQL, Redis, web, workers and clock. Ctrl-C stops all of it."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on (127.0.0.1: this machine only).")
        parser.add_argument("--port", type=int, default=settings.PORT, help="Port to listen on (PORT, or 8000).")
        parser.add_argument(
            "--no-starter", action="store_true", help="Leave out the starter campaign and its accounts."
        )
        parser.add_argument("--no-workers", action="store_true", help="Web only: nothing is sampled or trained.")
        parser.add_argument(
            "--stop-with-parent", action="store_true", help="Stop when the process that started this one ends (make)."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        what = Options(
            host=options["host"],
            port=options["port"],
            starter=not options["no_starter"],
            workers=not options["no_workers"],
        )
        if options["stop_with_parent"]:
            end_with_own_parent(signal.SIGTERM)
        go_on_in_a_child(settings.EMBEDDED_SERVICES)
        try:
            Up(what, self._write).run()
        except (UpError, EmbeddedServicesError) as error:
            raise CommandError(str(error)) from None

    def _write(self, text: str) -> None:
        try:
            self.stdout.write(text)
            self.stdout.flush()
        except OSError:  # the terminal was closed, or the program behind a pipe ended: nobody reads, and work goes on
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
