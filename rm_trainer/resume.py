"""A run's state on the disk, so that nothing but the steps since the last checkpoint is lost, whatever ends it.

It lies beside the output as `.NAME.checkpoints/step-00000010/` and is gone when the run is done. Only the latest is
kept, and the one before it until that is whole. The order of the data and the learning rate are functions of the seed
and the step, and nothing else is random, so weights, AdamW's moments and the step are all there is to save.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from rm_trainer.arguments import TrainArguments
from rm_trainer.checkpoint import whole_directory, write_json_file
from rm_trainer.errors import Failed, Refused
from rm_trainer.optimization import BatchResult

NOT_OF_THE_RUN = (
    "output",
    "data",
    "demonstrations",
    "device",
    "threads",
    "checkpoint_every",
    "eval_every",
    "newest_since",
    "tensorboard_directory",
)
"""Options that may differ when a run goes on; of the data the hash counts, not the place."""


@dataclass
class Done:
    """The steps behind us: their results, the progress events, and the seconds they took."""

    results: list[BatchResult] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


class Checkpoints:
    """The checkpoints of one run, known by `name`: a hash of its options and data."""

    def __init__(self, arguments: TrainArguments, hashes: Sequence[str | None]) -> None:
        output = arguments.output.absolute()
        self.directory = output.with_name(f".{output.name}.checkpoints")
        options = {key: str(value) for key, value in asdict(arguments).items() if key not in NOT_OF_THE_RUN}
        self.name = hashlib.sha256(json.dumps([options, list(hashes)], sort_keys=True).encode()).hexdigest()

    def save(self, model: PreTrainedModel, optimizer: torch.optim.Optimizer, done: Done) -> None:
        """Whole or not at all. Raises Failed when the disk refuses; the checkpoint before is still there then."""
        self.directory.mkdir(exist_ok=True)
        earlier = self._steps()
        path = self.directory / f"step-{len(done.results):08d}"
        if path in earlier:
            return
        with whole_directory(path) as unfinished:
            weights = {name: one.detach().cpu().contiguous() for name, one in model.named_parameters()}
            save_file(weights, unfinished / "model.safetensors")
            try:
                torch.save(optimizer.state_dict(), unfinished / "optimizer.pt")
            except RuntimeError as error:  # torch's writer has no OSError
                raise Failed(f"{path} could not be written: {error}. Nothing of it is left behind.") from error
            write_json_file(unfinished / "state.json", {"run": self.name, **asdict(done)})
        for one in earlier:
            shutil.rmtree(one)

    def restore(self, model: PreTrainedModel, optimizer: torch.optim.Optimizer) -> Done:
        """Goes back to the latest checkpoint; nothing is done yet when there is none. Raises Refused for another
        run's.
        """
        steps = self._steps()
        if not steps:
            return Done()
        state = json.loads((steps[-1] / "state.json").read_text())
        if state.pop("run") != self.name:
            raise Refused(
                f"{self.directory} holds the checkpoint of a run with other options or other data. Go on with those, "
                f"give another --output, or remove it."
            )
        weights = load_file(steps[-1] / "model.safetensors")
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(weights[name])
        optimizer.load_state_dict(torch.load(steps[-1] / "optimizer.pt", weights_only=True))
        return Done(**{**state, "results": [BatchResult(**one) for one in state["results"]]})

    def remove(self) -> None:
        """The run is done and its output written."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _steps(self) -> list[Path]:
        return sorted(self.directory.glob("step-*"))
