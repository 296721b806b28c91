"""A training process that is stopped from outside, in a process of its own, leaves a whole checkpoint or none."""

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from subprocess import PIPE

import pytest

from rm_trainer.__main__ import main
from tests.forks import fork
from tests.lm.snapshots import write_snapshot
from tests.rm_trainer.commands import ROOT, events, started, train_argv
from tests.rm_trainer.conftest import zebra_rankings


@pytest.fixture
def training(tmp_path: Path, tiny_base: Path) -> Iterator[subprocess.Popen[str]]:
    """A training of 40,000 steps into tmp_path/models/out that has done its first step."""
    data = write_snapshot(tmp_path / "data", rankings={"train": zebra_rankings(range(1, 9))})
    with started(train_argv(data, tiny_base, tmp_path / "models" / "out", "--epochs", "40000")) as process:
        assert process.stdout is not None
        assert any('"event": "step"' in line for line in process.stdout), process.communicate()[1]
        yield process


def test_sigterm_ends_it_cleanly_with_143(tmp_path: Path, training: subprocess.Popen[str]) -> None:
    training.terminate()
    output, errors = training.communicate(timeout=60)
    assert training.returncode == 143, errors
    assert events(output)[-1] == {"event": "error", "message": "Terminated before the end."}
    assert list((tmp_path / "models").iterdir()) == []


def test_kill_9_leaves_no_output(tmp_path: Path, training: subprocess.Popen[str]) -> None:
    training.kill()
    training.communicate(timeout=60)
    assert not (tmp_path / "models" / "out").exists()


def test_it_stops_when_nobody_reads_its_progress_any_more(tmp_path: Path, training: subprocess.Popen[str]) -> None:
    assert training.stdout is not None
    assert training.stderr is not None
    training.stdout.close()
    assert training.wait(timeout=60) == 1
    assert "Exception ignored" not in training.stderr.read()
    assert list((tmp_path / "models").iterdir()) == []


def test_ctrl_c_is_no_traceback(training: subprocess.Popen[str]) -> None:
    training.send_signal(signal.SIGINT)
    _, errors = training.communicate(timeout=60)
    assert training.returncode == 130, errors
    assert "Traceback" not in errors


def test_ctrl_c_ends_with_130_wherever_it_strikes() -> None:
    """Python ends by the signal after one inside exec of a text, handled or not; a shell then stops its script."""
    command = ["env", "--default-signal=INT", sys.executable, "-m", "tests.rm_trainer.interrupted"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 130


def test_a_full_disk_fails_in_words_and_leaves_nothing(tmp_path: Path, tiny_base: Path) -> None:
    """Files may not grow over 20 KiB, as if the disk were full while the weights are written."""
    data = write_snapshot(tmp_path / "data", rankings={"train": zebra_rankings(range(1, 9))})
    argv = train_argv(data, tiny_base, tmp_path / "models" / "out")
    full = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (20 * 1024, 20 * 1024))
    with fork(lambda: main(argv), preexec_fn=full, stdout=PIPE, stderr=PIPE, text=True) as process:
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors
    last = events(output)[-1]
    assert last["event"] == "error"
    assert "could not be written" in last["message"]
    assert list((tmp_path / "models").iterdir()) == []
