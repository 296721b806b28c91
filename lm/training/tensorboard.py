"""A run's steps as TensorBoard event files: `tensorboard --logdir DIRECTORY` draws them.

Runs that TensorBoard lays over each other: `train` (loss, accuracy, learning_rate, seconds and tokens of every
step), `valid` (loss, accuracy) and, of a policy's answers, `samples`. A run that goes on after a stop writes its files
anew, with the steps behind it, so that no step is there twice, whoever reads them.
"""

import shutil
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from time import time
from typing import Any, Self

from lm.errors import Refused
from lm.progress import Event, StepEvent, ValidEvent
from lm.training.arguments import TrainingArguments

INSIDE = "tensorboard"


class EventFiles:
    """Writes into --tensorboard-directory/NAME, or beside the output until `move_into`.

    As a context it leaves files beside the output only for a run that has checkpoints to go on from.
    """

    def __init__(self, arguments: TrainingArguments, *, writes: bool = True) -> None:
        """`writes`: one of several processes does."""
        self._silent = not writes
        output, given = arguments.output.absolute(), arguments.tensorboard_directory
        self._moves = given is None
        self.directory = output.with_name(f".{output.name}.tensorboard") if given is None else given / output.name
        self._goes_on = arguments.checkpoint_every > 0
        self._writers: dict[str, Any] = {}
        self._seconds = 0.0

    def __enter__(self) -> Self:
        """Raises Refused where the package is missing."""
        if find_spec("tensorboard") is None:
            raise Refused("TensorBoard's event files need the package tensorboard: pip install tensorboard.")
        return self

    def __exit__(self, *_failure: object) -> None:
        self._close()
        if self._moves and not self._goes_on and not self._silent:
            shutil.rmtree(self.directory, ignore_errors=True)

    def replay(self, events: Iterable[Event], *, seconds: float) -> None:
        """The events behind a run that goes on, each at the time that it would have had without the stop."""
        began = time() - seconds
        for event in events:
            self.write(event, at=began + (event["seconds"] if event["event"] == "step" else self._seconds))

    def write(self, event: Event, *, at: float | None = None) -> None:
        """Writes whatever of the event belongs into a curve; it is on the disk when this returns."""
        if self._silent:
            return
        if event["event"] == "step":
            figures = _figures(event) | {"learning_rate": event["learning_rate"]}
            figures |= {"tokens": event["tokens"], "seconds": event["seconds"] - self._seconds}
            self._seconds = event["seconds"]
            self._add("train", event["step"], figures, at)
        elif event["event"] == "valid":
            self._add("valid", event["step"], _figures(event), at)
        elif event["event"] == "samples" and "figures" in event:
            self._add("samples", event["step"], event["figures"], at)

    def move_into(self, directory: Path) -> None:
        """Ends the files; those without a place of their own go into the finished model's directory."""
        self._close()
        if self._moves and self.directory.exists():
            shutil.move(self.directory, directory / INSIDE)

    def _add(self, run: str, step: int, figures: dict[str, float], at: float | None) -> None:
        writer = self._writers.get(run) or self._open(run)
        for tag, value in figures.items():
            writer.add_scalar(tag, value, step, walltime=at)
        writer.flush()

    def _open(self, run: str) -> Any:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  (a second to import)

        for earlier in (self.directory / run).glob("events.out.tfevents.*"):
            earlier.unlink()
        self._writers[run] = SummaryWriter(self.directory / run)
        return self._writers[run]

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()


def _figures(event: StepEvent | ValidEvent) -> dict[str, float]:
    accuracy = {"accuracy": event["accuracy"]} if "accuracy" in event else {}
    return {"loss": event["loss"], **accuracy, **event.get("figures", {})}
