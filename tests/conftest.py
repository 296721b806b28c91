"""What every test may use. The servers come from tests/settings.py."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from tests import markers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    markers.add_markers(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    markers.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    yield
    markers.refuse_what_is_not_said(item)


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    """A page that a test reads in another language leaves that language active in its thread."""
    yield
    translation.deactivate()


@pytest.fixture
def process_environment() -> dict[str, str]:
    """The environment for a process that a test starts: this run's database, not the empty one beside it."""
    url, _, query = os.environ["DATABASE_URL"].partition("?")
    server = url.rpartition("/")[0]
    return os.environ | {"DATABASE_URL": f"{server}/{settings.DATABASES['default']['NAME']}?{query}"}


@pytest.fixture
def laptop_folder() -> Iterator[Path]:
    """A folder for embedded servers.

    Not below pytest's own: under root PostgreSQL runs on another account, and every pytest run that starts closes the
    folder above all runs to others, in the middle of somebody's initdb.
    """
    with tempfile.TemporaryDirectory(prefix="concord-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # PostgreSQL's account passes through; Concord itself changes nothing above VAR_DIR
        yield Path(folder)
