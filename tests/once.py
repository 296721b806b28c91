"""What takes long to make and is the same for every worker of a run is made by the first that asks for it."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from filelock import FileLock

Made = TypeVar("Made")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Made]) -> Made:
    """What `make` returns for a new directory. The other workers get a copy of that, and the same directory."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    place = (factory.getbasetemp() if alone else factory.getbasetemp().parent) / name
    kept = place.with_suffix(".pickle")
    with FileLock(place.with_suffix(".lock")):
        if not kept.exists():
            place.mkdir()
            kept.write_bytes(pickle.dumps(make(place)))
        made: Made = pickle.loads(kept.read_bytes())
    return made
