#!/usr/bin/env python
"""Concord's command line. `manage.py up` runs everything on this machine; `manage.py help` lists the rest."""

import os
import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `main` waits for it, Ctrl-C ends this without a traceback

from django.conf import settings
from django.core.management import execute_from_command_line

from config.env import SettingError

# These read no database, so that nothing is started for them. `up` starts the servers itself and says so.
WITHOUT_DATABASE = frozenset(
    {"up", "help", "--help", "-h", "version", "--version", "collectstatic", "compilemessages", "makemessages"}
)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if not WITHOUT_DATABASE.intersection(sys.argv[1:]):
            start_embedded_services()
        execute_from_command_line(sys.argv)
    except SettingError as error:
        sys.exit(f"{error}")
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # one more, in the middle of leaving, has nothing to add
        sys.exit(130)  # as shells say it; whoever pressed Ctrl-C needs no traceback


def start_embedded_services() -> None:
    """Nothing where DATABASE_URL and REDIS_URL are set: production has no laptop/."""
    if settings.EMBEDDED_SERVICES is None:
        return
    from laptop.embedded import EmbeddedServicesError  # noqa: PLC0415

    try:
        settings.EMBEDDED_SERVICES.start()
    except EmbeddedServicesError as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
