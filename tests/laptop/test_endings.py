"""No process outlives `make demo`, however it ends: each ending is made to happen, and /proc is searched afterwards."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.laptop.running_up import (
    child_named,
    command,
    environment_in,
    left_over,
    processes_of,
    read_until,
    running,
    wait_until_nothing_is_left,
)
from tests.processes import ROOT, until

pytestmark = pytest.mark.slow

CTRL_C = b"\x03"


def make_demo(port: int, *options: str) -> list[str]:
    """`make demo`, which here finds its packages installed."""
    return ["make", "-o", ".venv/.laptop", "demo", f"PORT={port}", f"ARGS={' '.join(['--no-starter', *options])}"]


@dataclass
class Terminal:
    """A terminal with one program in it."""

    program: subprocess.Popen[bytes]
    keyboard: int
    shown: str = ""

    def read_until(self, wanted: str) -> None:
        while wanted not in self.shown:
            self._read(wanted)

    def read_to_the_end(self) -> None:
        try:
            while True:
                self._read("its end")
        except OSError:  # so Linux says that no process has the terminal open any longer
            return

    def close(self) -> None:
        os.close(self.keyboard)

    def _read(self, wanted: str) -> None:
        data = os.read(self.keyboard, 4096)
        assert data, f"It ended without {wanted}:\n{self.shown}"
        self.shown += data.decode(errors="replace")


@contextmanager
def terminal(arguments: list[str], laptop: dict[str, str]) -> Iterator[Terminal]:
    keyboard, screen = pty.openpty()
    start = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
    program = subprocess.Popen(
        [sys.executable, "-c", start, *arguments],
        cwd=ROOT,
        env=laptop,
        stdin=screen,
        stdout=screen,
        stderr=screen,
        start_new_session=True,
    )
    os.close(screen)
    opened = Terminal(program, keyboard)
    try:
        opened.read_until("Concord is ready")
        yield opened
    finally:
        program.kill()
        program.wait()


def test_ctrl_c_again_and_again_in_a_terminal(port: int, laptop: dict[str, str]) -> None:
    with terminal(make_demo(port, "--no-workers"), laptop) as opened:
        os.write(opened.keyboard, CTRL_C)
        opened.read_until("Stopping")
        for _ in range(5):
            os.write(opened.keyboard, CTRL_C)
            time.sleep(0.2)
        opened.read_to_the_end()
        opened.close()
        wait_until_nothing_is_left(laptop, seconds=5)
    assert "Stopped." in opened.shown
    assert "Traceback" not in opened.shown


def test_ctrl_c_before_anything_has_started(port: int, laptop_folder: Path) -> None:
    """While the first tables are made: long enough for a second one, too."""
    laptop = environment_in(laptop_folder)
    process = subprocess.Popen(
        command(port), cwd=ROOT, env=laptop, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    read_until(process, "Creating or upgrading tables")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    wait_until_nothing_is_left(laptop, seconds=5)
    assert "Stopped." in said
    assert "Traceback" not in said


def test_ctrl_c_twice_in_any_command(process_environment: dict[str, str]) -> None:
    program = "import atexit, time; atexit.register(time.sleep, 2); print('begun', flush=True); time.sleep(60)"
    process = subprocess.Popen(
        # a shell that runs these tests in the background has them ignore SIGINT, and children inherit that
        ["env", "--default-signal=INT", sys.executable, "manage.py", "shell", "--no-imports", "-c", program],
        cwd=ROOT, env=process_environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    read_until(process, "begun")
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert (process.returncode, said) == (130, "")


def test_a_closed_terminal(port: int, laptop: dict[str, str]) -> None:
    with terminal(make_demo(port, "--no-workers"), laptop) as opened:
        opened.close()
        opened.program.wait(120)
        wait_until_nothing_is_left(laptop)


def kill_make(make: psutil.Process) -> None:
    make.kill()


def end_make(make: psutil.Process) -> None:
    make.terminate()


def kill_up(make: psutil.Process) -> None:
    """The process that looks after the others; the one above it is left."""
    make.children()[0].children()[0].kill()


@pytest.mark.parametrize(
    ("end", "options"), [(kill_make, ["--no-workers"]), (end_make, ["--no-workers"]), (kill_up, [])]
)
def test_make_or_what_it_started_is_ended(
    end: Callable[[psutil.Process], None], options: list[str], port: int, laptop: dict[str, str]
) -> None:
    arguments = make_demo(port, *options)
    make = subprocess.Popen(
        arguments, cwd=ROOT, env=laptop, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    read_until(make, "Concord is ready")
    end(psutil.Process(make.pid))
    make.communicate(timeout=120)
    wait_until_nothing_is_left(laptop)


@pytest.mark.parametrize(("how", "options"), [(signal.SIGINT, []), (signal.SIGTERM, ["--no-workers"])])
def test_a_shell_started_it_in_the_background_where_ctrl_c_is_ignored(
    how: signal.Signals, options: list[str], port: int, laptop: dict[str, str]
) -> None:
    """POSIX shells let what they start so ignore SIGINT and SIGQUIT, and children inherit that."""
    shell = subprocess.Popen(
        ["sh", "-c", '"$@" & wait $!', "sh", *command(port, *options)],
        cwd=ROOT,
        env=laptop,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    read_until(shell, "Concord is ready")
    up = psutil.Process(shell.pid).children()[0]
    ignored = int(Path(f"/proc/{up.pid}/status").read_text().partition("SigIgn:")[2].split()[0], 16)
    assert ignored & 1 << signal.SIGQUIT - 1
    began = time.monotonic()
    up.send_signal(how)
    said, _ = shell.communicate(timeout=120)
    assert "Stopping" in said
    assert "Stopped." in said
    assert "is busy" not in said  # workers hear what the shell let them ignore
    assert shell.returncode == 0
    assert left_over(laptop) == []
    assert time.monotonic() - began < 20


def test_killed_it_leaves_no_process_and_starts_again(port: int, laptop: dict[str, str]) -> None:
    with running(port, laptop) as up:
        up.kill()
        up.wait()
        wait_until_nothing_is_left(laptop)
    with running(port, laptop, "--no-workers") as up:
        up.send_signal(signal.SIGINT)
        assert up.wait(120) == 0


def test_all_that_look_after_others_may_be_killed_at_once(port: int, laptop: dict[str, str]) -> None:
    """Nobody of ours is left to clean up: the kernel tells their children."""
    with running(port, laptop) as up:
        above = psutil.Process(up.pid)
        caretakers = [above, *above.children(), child_named("owner", laptop)]
        for process in caretakers:
            process.suspend()  # so that none sees another die
        for process in caretakers:
            process.kill()
        up.communicate(timeout=120)
        wait_until_nothing_is_left(laptop)


LEAVES_AN_ORPHAN = """
import os, signal, subprocess, sys
from laptop import reaper
reaper.PATIENCE_SECONDS = 0.5
reaper.go_on_in_a_child(None)
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
between = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {stubborn!r}], start_new_session=True)"
subprocess.run([sys.executable, "-c", between])
how = sys.argv[1]
os.kill(os.getpid(), signal.SIGKILL) if how == "killed" else sys.exit(3)
"""


@pytest.mark.parametrize(("how", "status"), [("killed", 128 + signal.SIGKILL), ("ended", 3)])
def test_an_orphan_in_a_session_of_its_own_that_refuses_to_end_is_ended(how: str, status: int, tmp_path: Path) -> None:
    mark = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", LEAVES_AN_ORPHAN, how], cwd=ROOT, env=mark, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.communicate(timeout=10)
    assert process.returncode == status
    assert left_over(mark) == []


def test_a_process_that_is_left_would_be_found(laptop: dict[str, str]) -> None:
    """A search that never finds anything would prove nothing."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=laptop)
    try:
        until(lambda: [found.pid for found in processes_of(laptop)] == [process.pid])
    finally:
        process.kill()
        process.wait()
    assert left_over(laptop) == []
