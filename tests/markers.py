"""Markers that mean what they say, so that `make test-fast` can leave out what takes long.

Where a marker follows from what a test uses it is put here, and nobody need write it: `browser` from the fixture,
`processes` and `training` from what its module imports (STARTERS, TRAINERS; a module in which some test is marked by
hand is taken at its word instead). The other half is the truth: a test that starts a process, or trains a network,
without saying so fails.
"""

import os
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

import tests.processes

# Modules whose importers start processes, or train.
STARTERS = {"subprocess", tests.processes.__name__, "tests.forks", "tests.laptop.running_up"}
TRAINERS = {"tests.rm_trainer.commands", "rm_trainer.train"}

# What the test that runs has done so far.
_done = {"processes": 0, "training": 0}
_watched = {"processes": False, "training": False}


def add_markers(items: list[pytest.Item]) -> None:
    for name, modules in (("processes", STARTERS), ("training", TRAINERS)):
        by_hand = {item.path for item in items if any(item.iter_markers(name))}
        for item in items:
            if item.path not in by_hand and _imports(item) & modules:
                item.add_marker(name)
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
        if item.get_closest_marker("gpu") and not _has_gpu():
            item.add_marker(pytest.mark.skip(reason="Needs a CUDA device, and pytest -m gpu."))


def _has_gpu() -> bool:
    import torch  # which most tests never import

    return torch.cuda.is_available()


def begin() -> None:
    """Before a test's fixtures are made."""
    _watch()
    _done.update(processes=0, training=0)


def refuse_what_is_not_said(item: pytest.Item) -> None:
    """After a test and the end of its fixtures. A browser is a process that its own marker stands for, and so is the
    git that training asks for its version."""
    said = {marker.name for marker in item.iter_markers()}
    for name, enough in (("processes", {"processes", "training", "browser"}), ("training", {"training", "browser"})):
        if _done[name] and not said & enough:
            what = {"processes": "started a process", "training": "trained a network"}[name]
            pytest.fail(f"This test {what} and does not say so: mark it with pytest.mark.{name}.", pytrace=False)


def _imports(item: pytest.Item) -> set[str]:
    """The modules that the test's module imports, or imports something from."""
    names = vars(getattr(item, "module", None) or object).values()
    return {
        value.__name__ if isinstance(value, ModuleType) else str(getattr(value, "__module__", "")) for value in names
    }


def _watch() -> None:
    if not _watched["processes"]:
        _watched["processes"] = True
        subprocess.Popen.__init__ = _counted(subprocess.Popen.__init__)  # type: ignore[method-assign]
        os.register_at_fork(before=lambda: _count("processes"))
    if not _watched["training"] and "torch" in sys.modules:  # which most tests never import
        _watched["training"] = True
        from torch.optim.optimizer import register_optimizer_step_pre_hook

        register_optimizer_step_pre_hook(lambda *_: _count("training"))


def _counted(start: Any) -> Any:
    def counted(*arguments: Any, **options: Any) -> None:
        _count("processes")
        start(*arguments, **options)

    return counted


def _count(name: str) -> None:
    _done[name] += 1
