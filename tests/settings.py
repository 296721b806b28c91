"""The settings of a test run: config.settings on embedded servers of its own.

The environment is filled before config.settings reads it, so that processes which tests start (workers, web servers,
trainers) see the same servers without being told.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg2

from laptop.embedded import Services

SERVICES = Services(Path(__file__).resolve().parent.parent / "var" / "test-services", durable=False)


def drop_databases_of_dead_runs() -> None:
    """A run that was killed could not drop its own; its number is in the name."""
    connection = psycopg2.connect(SERVICES.database_url)
    connection.autocommit = True  # DROP DATABASE refuses to run inside a transaction
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname ~ '^test_concord_[0-9]+'")
        for (name,) in cursor.fetchall():
            process = re.search(r"\d+", name)
            if process is not None and not psutil.pid_exists(int(process[0])):
                with suppress(psycopg2.Error):  # another run is clearing up, too
                    cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    connection.close()


# pytest-xdist's workers inherit the first process's environment, which names these servers already.
if os.environ.get("DATABASE_URL", SERVICES.database_url) == SERVICES.database_url:
    SERVICES.start()
    drop_databases_of_dead_runs()
    os.environ["DATABASE_URL"] = SERVICES.database_url
    # A Redis database for each run, as there is a PostgreSQL database for each: runs side by side share no messages.
    os.environ["REDIS_URL"] = SERVICES.redis_url_for(os.getpid() % 1024)
    os.environ["ALLOWED_HOSTS"] = "localhost,127.0.0.1,testserver"
    os.environ["SECRET_KEY"] = "a key for tests, which guards nothing"
    os.environ["FORCE_HTTPS"] = "false"
    os.environ["REQUIRE_TWO_FACTOR"] = "false"
    os.environ["VAR_DIR"] = f"var/test-runs/{os.getpid()}"

# Tests and what they start share the cores. OpenMP's threads, several to each, wait for one another by spinning, which
# makes a generation of 0.2 s one of 40 s. Read when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, STORAGES  # noqa: E402

# pytest-django put this module's name there; processes that tests start read the plain settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

DATABASES["default"]["TEST"] = {"NAME": f"test_concord_{os.getpid()}"}
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# The real hasher takes a fifth of a second on purpose; a suite that logs in a thousand times has no use for that.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
