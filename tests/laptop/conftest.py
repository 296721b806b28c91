"""One laptop for all tests: its tables are made once, and a stopped one leaves no process behind."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laptop.running_up import environment_in, wait_until_nothing_is_left
from tests.processes import free_port


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def made_laptop() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="concord-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # as laptop_folder in tests/conftest.py
        yield environment_in(Path(folder))


@pytest.fixture
def laptop(made_laptop: dict[str, str]) -> Iterator[dict[str, str]]:
    yield made_laptop
    wait_until_nothing_is_left(made_laptop)
