"""A Concord of its own for one benchmark: empty, on embedded servers that write to disk as a real one's do."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness.machine import ROOT


@contextmanager
def scratch_concord() -> Iterator[Path]:
    """Sets Django up on a new, migrated database, in this process and in those started inside; yields its directory.

    Once a process, before anything of labeling/ is imported: Django can't be set up twice. Whatever DATABASE_URL names
    is left alone. At the end the servers are stopped and the directory is removed.
    """
    directory = ROOT / "var" / f"benchmark-{os.getpid()}"
    for name in ("DATABASE_URL", "REDIS_URL", "CSRF_TRUSTED_ORIGINS", "DEBUG", "FORCE_HTTPS", "ALLOWED_HOSTS"):
        os.environ.pop(name, None)
    os.environ["VAR_DIR"] = str(directory)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

    import django  # noqa: PLC0415  (what follows reads the environment when it is imported)
    from django.conf import settings  # noqa: PLC0415

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connections  # noqa: PLC0415

    services = settings.EMBEDDED_SERVICES
    assert services is not None  # neither DATABASE_URL nor REDIS_URL is set now
    try:
        services.start()
        call_command("migrate", verbosity=0)
        yield directory
    finally:
        connections.close_all()
        if services.is_started():
            services.release()
        shutil.rmtree(directory, ignore_errors=True)
