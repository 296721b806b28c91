"""A signal ends a run wherever it strikes."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from lm.errors import Terminated
from lm.training.checkpoints import Checkpoints, Done
from lm.training.interruption import Stop, raise_what_was_lost, signals_at_once


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """A shell starts what is in the background with SIGINT ignored, the tests too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Struck:
    """A signal comes while it is collected."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self.number)


def ends_after_the_step(tmp_path: Path) -> None:
    checkpoints: Checkpoints[Any] = Checkpoints(tmp_path / "out", {}, dict)
    checkpoints.save_if_due(nn.Linear(1, 1), None, Done(), every=0, stop=Stop())  # type: ignore[arg-type]  # unread


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)], ids=["int", "term"]
)
def test_what_python_lost_in_a_destructor_ends_the_run_after_the_step(
    number: signal.Signals, expected: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", lost.append)

    def run() -> None:
        with signals_at_once():
            Struck(number)
            assert [one.exc_type for one in lost] == [expected]
            ends_after_the_step(tmp_path)

    with pytest.raises(expected):
        run()
    ends_after_the_step(tmp_path)  # of the next run nothing is left


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_anywhere_else_it_ends_at_once(number: signal.Signals) -> None:
    reached: list[str] = []
    with suppress(KeyboardInterrupt, Terminated), signals_at_once():
        os.kill(os.getpid(), number)
        reached.append("the next line")
    assert reached == []
    raise_what_was_lost()


def test_where_ctrl_c_is_ignored_it_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with signals_at_once():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
