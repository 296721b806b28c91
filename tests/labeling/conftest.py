"""The cast, as fixtures: Alice labels, Bob labels and reviews beside her, Charlie is a stranger to their work.

The makers are in tests/labeling/cast.py; those who administer come from `admin_browser` in
tests/labeling/admin_cast.py.
"""

import subprocess
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from labeling.models import Labeler
from labeling.training.services import trainer_process
from tests.labeling.cast import browser_of, make_labeler


@pytest.fixture
def alice(db: None) -> Labeler:
    return make_labeler("alice")


@pytest.fixture
def bob(db: None) -> Labeler:
    return make_labeler("bob")


@pytest.fixture
def charlie(db: None) -> Labeler:
    return make_labeler("charlie")


@pytest.fixture
def client(alice: Labeler) -> Client:
    """Alice's browser. A test of a visitor who is not logged in makes a `Client()` of its own."""
    return browser_of(alice)


@pytest.fixture
def claimed_a_while_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages ask how long was worked on what they show, which those of work just claimed leave out."""
    monkeypatch.setattr("labeling.desk.queries.work.JUST_CLAIMED", timedelta(0))


@pytest.fixture
def trainers(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The trainers' processes in the order of their starts: forks of this one."""
    from tests.forks import forked

    started: list[subprocess.Popen[bytes]] = []

    def start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        started.append(forked(command, **options))
        return started[-1]

    monkeypatch.setattr(trainer_process, "subprocess", SimpleNamespace(**vars(subprocess) | {"Popen": start}))
    return started
