"""A run's steps as TensorBoard event files: `tensorboard --logdir DIRECTORY` draws them.

Two runs that TensorBoard lays over each other: `train` (loss, accuracy, learning_rate, seconds and tokens of every
step) and `valid` (loss, accuracy). A run that goes on after a stop declares what it does again void from its first
step on, so no step is there twice.
"""

import shutil
from pathlib import Path
from typing import Any, Self

from rm_trainer.arguments import TrainArguments
from rm_trainer.errors import Refused

RUNS = {"step": "train", "valid": "valid"}
TAGS = ("loss", "accuracy", "learning_rate", "tokens")
INSIDE = "tensorboard"


class Board:
    """Writes into --tensorboard-directory/NAME, or beside the output until `move_into`.

    As a context it leaves files beside the output only for a run that has checkpoints to go on from.
    """

    def __init__(self, arguments: TrainArguments) -> None:
        output, given = arguments.output.absolute(), arguments.tensorboard_directory
        self._moves = given is None
        self.directory = output.with_name(f".{output.name}.tensorboard") if given is None else given / output.name
        self._goes_on = arguments.checkpoint_every > 0
        self._writers: dict[str, Any] = {}
        self._seconds: float | None = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self._close()
        if self._moves and not self._goes_on:
            shutil.rmtree(self.directory, ignore_errors=True)

    def write(self, event: dict[str, Any]) -> None:
        """Whatever of the event belongs into a curve, on the disk when this returns."""
        run = RUNS.get(event["event"])
        if run is None:
            return
        step = event["step"]
        writer = self._writers.get(run) or self._open(run, step)
        for tag in TAGS:
            if tag in event:
                writer.add_scalar(tag, event[tag], step)
        if "seconds" in event:
            if self._seconds is not None:
                writer.add_scalar("seconds", event["seconds"] - self._seconds, step)
            self._seconds = event["seconds"]
        writer.flush()

    def move_into(self, directory: Path) -> None:
        """Ends the files; those without a place of their own go into the finished model's directory."""
        self._close()
        if self._moves and self.directory.exists():
            shutil.move(self.directory, directory / INSIDE)

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _open(self, run: str, step: int) -> Any:
        try:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  (a second to import)
        except ImportError as missing:
            raise Refused("TensorBoard's files need the package tensorboard: pip install tensorboard.") from missing
        if run == "train" and step > 1:
            self._seconds = None  # what the steps before took is in the earlier file
        elif run == "train" and self._moves:
            shutil.rmtree(self.directory, ignore_errors=True)  # of a run that ended without a checkpoint
        self._writers[run] = SummaryWriter(self.directory / run, purge_step=step)  # type: ignore[no-untyped-call]
        return self._writers[run]
