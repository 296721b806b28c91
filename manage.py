#!/usr/bin/env python
"""Concord's command line. `manage.py up` runs everything on this machine; `manage.py help` lists the rest."""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line

from config.embedded import EmbeddedServicesError, start
from config.env import SettingError

# These read no database, so that nothing is started for them. `up` starts the servers itself and says so.
WITHOUT_DATABASE = frozenset(
    {"up", "help", "--help", "-h", "version", "--version", "collectstatic", "compilemessages", "makemessages"}
)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        if not WITHOUT_DATABASE.intersection(sys.argv[1:]) and settings.NEEDS_EMBEDDED_SERVICES:
            start(settings.EMBEDDED_SERVICES)
        execute_from_command_line(sys.argv)
    except (SettingError, EmbeddedServicesError) as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
