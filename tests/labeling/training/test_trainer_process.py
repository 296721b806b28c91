"""The training process: what it says is heard, how it ends is told, and it never outlives the worker."""

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from labeling.training.services import stopping
from labeling.training.services.trainer_process import (
    TrainerFailed,
    TrainerInterrupted,
    TrainerStopped,
    run_trainer,
)
from lm.progress import AliveEvent, Event
from tests.processes import until

PATIENCE = 20.0


def trainer(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def test_progress_is_heard_and_what_libraries_print_is_not(tmp_path: Path) -> None:
    heard: list[Event | AliveEvent] = []
    said = """print('a library says hello'); print('{"event": "step", "step": 1}'); print('["no event"]')"""
    run_trainer(command=trainer(said), log_path=tmp_path / "log", heard=heard.append)
    assert heard == [{"event": "step", "step": 1}]


def test_an_error_is_told_in_the_trainers_own_words(tmp_path: Path) -> None:
    said = """print('{"event": "error", "message": "The snapshot is empty."}'); raise SystemExit(2)"""
    with pytest.raises(TrainerFailed, match=r"^The snapshot is empty\.$"):
        run_trainer(command=trainer(said), log_path=tmp_path / "log", heard=lambda _event: None)


def test_a_death_without_a_word_brings_the_end_of_the_log(tmp_path: Path) -> None:
    died = "import os, sys; sys.stderr.write('out of memory'); sys.stderr.flush(); os.kill(os.getpid(), 9)"
    with pytest.raises(TrainerInterrupted, match=r"ended by SIGKILL(.|\n)*out of memory"):
        run_trainer(command=trainer(died), log_path=tmp_path / "log", heard=lambda _event: None)


def test_a_trainer_that_hangs_is_ended_though_it_is_alive(tmp_path: Path) -> None:
    """SIGSTOP, as a stuck driver does: it takes no signal but SIGKILL, and its worker is well."""
    hangs = (
        """print('{"event": "start", "steps": 2}', flush=True); """
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
    )
    heard: list[Event | AliveEvent] = []
    with pytest.raises(TrainerInterrupted, match="made no progress"):
        run_trainer(
            command=trainer(hangs), log_path=tmp_path / "log", heard=heard.append, silent_for=timedelta(seconds=0.5)
        )
    assert heard[0] == {"event": "start", "steps": 2}


def test_a_worker_that_is_stopped_lets_its_trainer_save_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "_pipe", None)
    saves = (
        "import signal, sys, time; from pathlib import Path\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (Path({str(tmp_path / 'saved')!r}).touch(), sys.exit(143)))\n"
        """print('{"event": "start", "steps": 2}', flush=True); time.sleep(600)"""
    )
    stopping.prepare()
    with pytest.raises(TrainerStopped):
        run_trainer(command=trainer(saves), log_path=tmp_path / "log", heard=lambda _event: stopping.ask())
    assert (tmp_path / "saved").exists()


def test_a_worker_that_is_killed_takes_its_trainer_along(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    training = (
        f"import os, pathlib, time; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); time.sleep(600)"
    )
    worker = subprocess.Popen(
        trainer(
            "from pathlib import Path; from labeling.training.services.trainer_process import run_trainer; "
            f"run_trainer(command={trainer(training)!r}, log_path=Path({str(tmp_path / 'log')!r}), heard=print)"
        )
    )
    try:
        until(lambda: pid_file.exists() and pid_file.read_text(), seconds=PATIENCE)
        trained_by = psutil.Process(int(pid_file.read_text()))
        worker.send_signal(signal.SIGKILL)
        trained_by.wait(timeout=PATIENCE)  # raises where it lives on
    finally:
        worker.kill()
        worker.wait()
