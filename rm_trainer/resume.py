"""A run's state on the disk, so that nothing but the steps since the last checkpoint is lost, whatever ends it.

It lies beside the output as `.NAME.checkpoints/step-00000010/` and is gone when the run is done. Only the latest is
kept, and the one before it until that is whole. The order of the data and the learning rate are functions of the seed
and the step, and nothing else is random, so the trained weights, AdamW's moments and the step are all there is to save.
Every rank writes its part (torch.distributed.checkpoint), and a run may go on with another number of processes.
"""

import hashlib
import json
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from transformers import PreTrainedModel

from rm_trainer.arguments import TrainArguments
from rm_trainer.checkpoint import whole_directory, write_json_file
from rm_trainer.distributed.ranks import ALONE, Ranks
from rm_trainer.errors import Failed, Refused
from rm_trainer.optimization import StepResult

NOT_OF_THE_RUN = (
    "output",
    "data",
    "demonstrations",
    "device",
    "threads",
    "checkpoint_every",
    "eval_every",
    "cache_directory",
    "newest_since",
    "tensorboard_directory",
)
"""Options that may differ when a run goes on; of the data the hash counts, not the place."""
warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # one process, as was asked for
TRAINED = StateDictOptions(ignore_frozen_params=True, strict=False)
"""What is frozen is the base's and read from there."""


@dataclass
class Done:
    """The steps behind us: their results, the progress events, and the seconds they took."""

    results: list[StepResult] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


class Checkpoints:
    """The checkpoints of one run, known by `name`: a hash of its options and data."""

    def __init__(self, arguments: TrainArguments, hashes: Sequence[str | None], ranks: Ranks = ALONE) -> None:
        self.output = arguments.output
        self.directory = checkpoints_of(arguments.output)
        options = {key: str(value) for key, value in asdict(arguments).items() if key not in NOT_OF_THE_RUN}
        self.name = hashlib.sha256(json.dumps([options, list(hashes)], sort_keys=True).encode()).hexdigest()
        self.ranks = ranks

    def save(self, model: PreTrainedModel, optimizer: torch.optim.Optimizer, done: Done) -> None:
        """Whole or not at all. Raises Failed when the disk refuses; the checkpoint before is still there then."""
        with self.ranks.agreed():
            self.directory.mkdir(exist_ok=True)
            earlier = _steps(self.directory)
        path = self.directory / f"step-{len(done.results):08d}"
        with whole_directory(path, self.ranks) as unfinished:
            self._write(unfinished, model, optimizer, path)
            if self.ranks.first:
                write_json_file(unfinished / "state.json", {"run": self.name, **asdict(done)})
        if self.ranks.first:
            for one in earlier:
                shutil.rmtree(one)

    def restore(self, model: PreTrainedModel, optimizer: torch.optim.Optimizer) -> Done:
        """Goes back to the latest checkpoint; nothing is done yet when there is none. Raises Refused for another
        run's.
        """
        with self.ranks.agreed():
            steps = _steps(self.directory)
            if not steps:
                return Done()
            state = json.loads((steps[-1] / "state.json").read_text())
            if state.pop("run") != self.name:
                raise Refused(
                    f"{self.directory} holds the checkpoint of a run with other options or other data. Go on with "
                    f"those, give another --output, or remove it."
                )
        weights, moments = get_state_dict(model, optimizer, options=TRAINED)
        load({"model": weights, "optimizer": moments}, checkpoint_id=steps[-1], no_dist=self.ranks.size == 1)
        set_state_dict(model, optimizer, model_state_dict=weights, optim_state_dict=moments, options=TRAINED)
        return Done(**{**state, "results": [StepResult(**one) for one in state["results"]]})

    def remove(self) -> None:
        """The run is done and its output written."""
        if self.ranks.first:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _write(self, directory: Path, model: PreTrainedModel, optimizer: torch.optim.Optimizer, path: Path) -> None:
        weights, moments = get_state_dict(model, optimizer, options=TRAINED)
        try:
            save({"model": weights, "optimizer": moments}, checkpoint_id=directory, no_dist=self.ranks.size == 1)
        except CheckpointException as error:
            reason = next(iter(error.failures.values()))[0]
            raise Failed(f"{path} could not be written: {reason}. {kept(self.output)}") from error


def kept(output: Path) -> str:
    """For people, after a fault: from where the same command goes on."""
    steps = _steps(checkpoints_of(output))
    if not steps:
        return "No checkpoint had been made, so the same command starts anew; --checkpoint-every makes some."
    return f"The same command goes on after step {int(steps[-1].name.removeprefix('step-'))}."


def checkpoints_of(output: Path) -> Path:
    """Where the checkpoints lie while there are any."""
    return output.absolute().with_name(f".{output.absolute().name}.checkpoints")


def _steps(directory: Path) -> list[Path]:
    return sorted(directory.glob("step-*"))
