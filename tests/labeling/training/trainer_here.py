"""The reward model's trainer without a process of its own: most of a short training is the start of its process."""

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from io import TextIOBase
from pathlib import Path

from labeling.training.services.trainer_process import Heard, TrainerFailed
from lm.progress import parse_event
from rm_trainer.__main__ import main


class Lines(TextIOBase):
    """Passes whole lines on as they are written."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take, self._begun = take, ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._take(line)
        return len(text)


def run_trainer_here(
    *, command: Sequence[str], log_path: Path, heard: Heard, silent_for: timedelta | None = None
) -> None:
    """In the place of `run_trainer`: the same command, its words in the same log, its events to the same listener."""
    assert command[:3] == [sys.executable, "-m", "rm_trainer"]
    errors = []

    def take(line: str) -> None:
        event = parse_event(line.encode())
        if event is None:
            return
        if event["event"] == "error":
            errors.append(event["message"])
        else:
            heard(event)

    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("a") as log, redirect_stdout(Lines(take)), redirect_stderr(log):
        status = main(command[3:])
    if status != 0:
        raise TrainerFailed("\n".join(errors))
