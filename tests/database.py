"""Databases for runs: copies of one that is migrated once for all of them, as long as what migrations read stays."""

import hashlib
import os
from pathlib import Path
from typing import Any

from django.db import connection

TREE = Path(__file__).resolve().parent.parent
# Migrations make triggers from tables in rules and models.
READ_BY_MIGRATIONS = [*sorted(TREE.glob("labeling/**/*.py")), TREE / "requirements" / "base.txt"]


def let_runs_copy_a_migrated_one() -> None:
    """Has Django make this run's database as a copy: 1 s, where all migrations take 9."""
    connection.settings_dict["TEST"]["TEMPLATE"] = migrated()


def migrated() -> str:
    """The name of the migrated database, which is made where there is none. Others of its kind are out of date."""
    content = hashlib.sha256(b"".join(path.read_bytes() for path in READ_BY_MIGRATIONS))
    name = f"migrated_{content.hexdigest()[:16]}"
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('migrated'))")  # workers begin together
        cursor.execute("SELECT datname FROM pg_database WHERE datname ~ '^migrated_'")
        there = {each for (each,) in cursor.fetchall()}
        if name not in there:
            for old in there:
                cursor.execute(f'DROP DATABASE "{old}" WITH (FORCE)')
            cursor.execute(f'ALTER DATABASE "{migrate()}" RENAME TO "{name}"')
    return name


def migrate() -> str:
    """Has Django make a database. It has the name of a run's, so that it is dropped if this run ends in the middle."""
    test: dict[str, Any] = connection.settings_dict["TEST"]
    before, own = connection.settings_dict["NAME"], test["NAME"]
    test["NAME"] = f"test_concord_{os.getpid()}_migrating"
    made = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    connection.creation.destroy_test_db(before, verbosity=0, keepdb=True)  # closes it
    test["NAME"] = own
    return made
