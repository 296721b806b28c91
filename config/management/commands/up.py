"""`manage.py up`: see config/up.py."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.embedded import EmbeddedServicesError
from config.up import Options, Up, UpError


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

    def handle(self, *_args: Any, **options: Any) -> None:
        what = Options(
            host=options["host"],
            port=options["port"],
            starter=not options["no_starter"],
            workers=not options["no_workers"],
        )
        try:
            Up(what, self._write).run()
        except (UpError, EmbeddedServicesError) as error:
            raise CommandError(str(error)) from None

    def _write(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
