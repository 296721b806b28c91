"""What every test may use. The servers come from tests/settings.py."""

import gc
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import TransactionTestCase
from django.utils import translation
from hypothesis import settings
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer

from tests import database, markers
from tests.processes import until

if "CI" not in os.environ:  # for which Hypothesis has a profile of its own
    settings.register_profile("untimed", deadline=None)  # a busy machine is no fault
    settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.markexpr != "gpu":  # a fork can't use a GPU that its parent has used, and bytes are compared
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    markers.add_markers(items)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)  # none of them begins when all else has ended


def pytest_collection_finish() -> None:
    """What has been imported by now stays: looking through it for garbage again and again takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    markers.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    yield
    markers.refuse_what_is_not_said(item)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        database.let_runs_copy_a_migrated_one()


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    """A page that a test reads in another language leaves that language active in its thread."""
    yield
    translation.deactivate()


KEPT = {"django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}
"""Tables whose rows every database has from its migrations on: permissions, and the groups of roles."""


def empty_the_tables(_: object) -> None:
    """What TransactionTestCase does after each test, in a hundredth of the time: DELETE, from tables with rows alone.

    TRUNCATE, which Django takes, makes every table and index anew on the disk. Triggers that refuse are passed by.
    """
    tables = sorted(set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - KEPT)
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"(SELECT '{table}' FROM \"{table}\" LIMIT 1)" for table in tables))
        filled = [table for (table,) in cursor.fetchall()]
        deletions = "".join(f'DELETE FROM "{table}";' for table in filled)
        cursor.execute(f"BEGIN; SET LOCAL session_replication_role = replica; {deletions} COMMIT")


@pytest.fixture(autouse=True, scope="session")
def _emptied_quickly() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_the_tables)
        yield


def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: more than there are cores, since half of what takes long waits for a browser or a process."""
    return min(6, (os.cpu_count() or 1) * 3 // 2)


@pytest.fixture(scope="session")
def application(live_server: LiveServer) -> Any:
    return live_server.thread.httpd.get_app()


@pytest.fixture(autouse=True)
def _door(request: pytest.FixtureRequest) -> Iterator[None]:
    """Open while a test runs. What closed pages send after it, a draft or a minute of work, is answered before the
    application hears of it: it would otherwise meet the emptying of the tables, and one of the two would lose.
    """
    if "live_server" not in request.fixturenames:
        yield
        return
    application = request.getfixturevalue("application")
    server = request.getfixturevalue("live_server").thread.httpd
    entered: set[int] = set()

    def counted(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        entered.add(threading.get_ident())
        answer = application(environ, start_response)
        try:
            yield from answer
        finally:
            answer.close()
            entered.discard(threading.get_ident())

    def closed(_: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("503 Service Unavailable", [])
        return []

    server.set_app(counted)
    yield
    server.set_app(closed)
    time.sleep(0.02)  # whoever passed the door is counted by now
    until(lambda: not entered)


@pytest.fixture(scope="session")
def database_environment(django_db_setup: None) -> dict[str, str]:
    """The environment for a process that serves several tests: this run's database, not the empty one beside it."""
    url, _, query = os.environ["DATABASE_URL"].partition("?")
    server = url.rpartition("/")[0]
    return os.environ | {"DATABASE_URL": f"{server}/{django_settings.DATABASES['default']['NAME']}?{query}"}


@pytest.fixture
def process_environment(transactional_db: None, database_environment: dict[str, str]) -> dict[str, str]:
    """The same for a process that a test starts for itself. What the process wrote there goes with the test."""
    return database_environment


@pytest.fixture
def laptop_folder() -> Iterator[Path]:
    """A folder for embedded servers.

    Not below pytest's own: under root PostgreSQL runs on another account, and every pytest run that starts closes the
    folder above all runs to others, in the middle of somebody's initdb.
    """
    with tempfile.TemporaryDirectory(prefix="concord-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # PostgreSQL's account passes through; Concord itself changes nothing above VAR_DIR
        yield Path(folder)
