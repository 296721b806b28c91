"""A run's state on the disk, so that nothing but the steps since the last checkpoint is lost, whatever ends it.

It lies beside the output as `.NAME.checkpoints/step-00000010/` and is gone when the run is done. Only the latest is
kept, and the one before it until that is whole. The order of the data and the learning rate are functions of the seed
and the step, and nothing else is random, so the trained weights, AdamW's moments and the step are all there is to save.
Every process writes its part (torch.distributed.checkpoint), and a run may go on with another number of processes.
"""

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from lm.atomic_files import write_json_file
from lm.errors import Failed, Refused, Terminated
from lm.progress import Event
from lm.training.arguments import OTHER_RUN
from lm.training.interruption import Stop, raise_what_was_lost
from lm.training.output import checkpoints_of, shared_atomic_directory
from lm.training.processes import ALONE, Processes

Result = TypeVar("Result")
"""A dataclass of numbers, of which every step leaves one."""
warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # one process, as was asked for
TRAINED = StateDictOptions(ignore_frozen_params=True, strict=False)
"""What is frozen is the base's and read from there."""


@dataclass
class Done(Generic[Result]):
    """The steps behind us: their results, the progress events, and the seconds they took."""

    results: list[Result] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    seconds: float = 0.0


class Checkpoints(Generic[Result]):
    """The checkpoints of one run: of the same options and data, whose steps give a `result` each."""

    def __init__(
        self,
        output: Path,
        options: Mapping[str, str | None],
        result: Callable[..., Result],
        processes: Processes = ALONE,
    ) -> None:
        """`options`: all that decides the run's steps: options, and the hashes of its data."""
        self.output = output
        self.directory = checkpoints_of(output)
        self.run = hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()
        self.result = result
        self.processes = processes

    def save(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        done: Done[Result],
        *,
        beside: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Writes a checkpoint, whole or not at all. `beside`: what else the steps change, such as averaged weights.

        Raises Failed when the disk refuses; the checkpoint before is still there then.
        """
        with self.processes.agreed():
            self.directory.mkdir(exist_ok=True)
            earlier = _steps(self.directory)
        path = self.directory / f"step-{len(done.results):08d}"
        with shared_atomic_directory(path, self.processes) as partial:
            self._write(partial, model, optimizer, path, beside or {})
            if self.processes.first:
                write_json_file(partial / "state.json", {"run": self.run, **asdict(done)})
        if self.processes.first:
            for one in earlier:
                shutil.rmtree(one)

    def save_if_due(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        done: Done[Result],
        *,
        every: int,
        stop: Stop,
        beside: Mapping[str, Tensor] | None = None,
    ) -> bool:
        """After each step: saves behind each `every` of them (0: none), and where a stop was asked for, in any of the
        processes. Returns whether it saved. Raises Terminated where a stop was asked for, what a signal raised and
        Python lost, and Failed as `save` does.
        """
        raise_what_was_lost()
        stopping = self.processes.any(stop.asked)
        due = stopping or (every > 0 and len(done.results) % every == 0)
        if due:
            self.save(model, optimizer, done, beside=beside)
        if stopping:
            raise Terminated
        return due

    def restore(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, *, beside: Mapping[str, Tensor] | None = None
    ) -> Done[Result]:
        """Goes back to the latest checkpoint; nothing is done yet when there is none. `beside` is filled in place.

        Raises Refused for another run's.
        """
        with self.processes.agreed():
            steps = _steps(self.directory)
            if not steps:
                return Done()
            state = json.loads((steps[-1] / "state.json").read_text())
            if state.pop("run") != self.run:
                raise Refused(f"{self.directory} {OTHER_RUN}. Go on with those, give another --output, or remove it.")
        weights, moments = get_state_dict(model, optimizer, options=TRAINED)
        kept = {"model": weights, "optimizer": moments} | ({"beside": dict(beside)} if beside else {})
        load(kept, checkpoint_id=steps[-1], no_dist=self.processes.size == 1)
        set_state_dict(model, optimizer, model_state_dict=weights, optim_state_dict=moments, options=TRAINED)
        return Done(**{**state, "results": [self.result(**one) for one in state["results"]]})

    def remove(self) -> None:
        """The run is done and its output written."""
        if self.processes.first:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _write(
        self,
        directory: Path,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        path: Path,
        beside: Mapping[str, Tensor],
    ) -> None:
        weights, moments = get_state_dict(model, optimizer, options=TRAINED)
        try:
            kept = {"model": weights, "optimizer": moments} | ({"beside": dict(beside)} if beside else {})
            save(kept, checkpoint_id=directory, no_dist=self.processes.size == 1)
        except CheckpointException as error:
            reason = next(iter(error.failures.values()))[0]
            raise Failed(f"{path} could not be written: {reason}. {how_to_go_on(self.output)}") from error


def how_to_go_on(output: Path) -> str:
    """Returns, for people after a fault, from where the same command goes on."""
    steps = _steps(checkpoints_of(output))
    if not steps:
        return "No checkpoint had been made, so the same command starts anew; --checkpoint-every makes some."
    return f"The same command goes on after step {int(steps[-1].name.removeprefix('step-'))}."


def _steps(directory: Path) -> list[Path]:
    return sorted(directory.glob("step-*"))
