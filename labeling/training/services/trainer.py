"""The trainers' commands, as the settings say that they are started."""

import json
import logging
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from labeling.training.services.requesting import TrainingOptions
from labeling.training.services.trainer_process import Heard, TrainerFailed, run_trainer
from lm.training.arguments import OTHER_RUN
from rm_trainer.evaluation.figures import Evaluation

log = logging.getLogger(__name__)


class Program:
    """A trainer that is started by `launcher`, with one log and one listener."""

    def __init__(self, launcher: Sequence[str], log_path: Path, heard: Heard) -> None:
        self._launcher = launcher
        self._log_path = log_path
        self._heard = heard

    def run(self, command: str, arguments: Sequence[str]) -> None:
        """Runs one command to its end. Raises as `run_trainer`."""
        run_trainer(
            command=[*_started_by(self._launcher), command, *arguments],
            log_path=self._log_path,
            heard=self._heard,
            silent_for=timedelta(minutes=settings.TRAINING_SILENT_MINUTES),
        )

    def run_from_checkpoint(self, command: str, arguments: Sequence[str], *, output: Path) -> None:
        """The same for a command that trains: from the checkpoint of an earlier worker where there is one.

        After an upgrade the trainer may have other options than the one that wrote it; then the training begins anew.
        """
        arguments = [*arguments, "--output", str(output), "--progress", "jsonl"]
        try:
            self.run(command, arguments)
        except TrainerFailed as failure:
            checkpoints = output.with_name(f".{output.name}.checkpoints")
            if OTHER_RUN not in str(failure) or not checkpoints.exists():
                raise
            log.warning("%s The training begins anew.", failure)
            shutil.rmtree(checkpoints)
            self.run(command, arguments)


class Trainer(Program):
    """The commands of rm_trainer."""

    def __init__(self, log_path: Path, heard: Heard) -> None:
        super().__init__(settings.RM_TRAIN_LAUNCHER, log_path, heard)

    def train(self, *, data: str, base: str, output: Path, options: TrainingOptions, command: str = "train") -> None:
        arguments = ["--data", data, "--base", base, *flags(options), *_token_cache()]
        self.run_from_checkpoint(command, arguments, output=output)

    def evaluate(
        self,
        *,
        data: str,
        model: Path,
        to: Path,
        since: str | None = None,
        current: Path | None = None,
        split: str = "test",
    ) -> Evaluation:
        """What `python -m rm_trainer evaluate` writes of `model`; compared with what it wrote of the current one."""
        arguments = ["--data", data, "--model", str(model), "--split", split]
        arguments += ["--newest-since", since] if since else []
        arguments += ["--confidence", str(settings.PROMOTE_CONFIDENCE), "--output", str(to)]
        self.run("evaluate", [*arguments, *(["--current", str(current)] if current else []), *_token_cache()])
        written: Evaluation = json.loads(to.read_text())
        return written


def flags(options: Mapping[str, object]) -> list[str]:
    """Options by their names as a command line has them; those without a value are left out.

    >>> flags({"learning_rate": 1e-05, "freeze_embeddings": True, "keep_rollouts": False, "hours": None})
    ['--learning-rate', '1e-05', '--freeze-embeddings', '--no-keep-rollouts']
    """
    words = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif value not in (None, ""):
            words += [f"--{flag}", str(value)]
    return words


def _token_cache() -> list[str]:
    return ["--cache-directory", str(Path(settings.VAR_DIR) / "tokens")]


def _started_by(launcher: Sequence[str]) -> list[str]:
    """The launcher, where a bare `python` is the interpreter of this worker whatever PATH says."""
    program, *rest = launcher
    return [sys.executable if program == "python" else program, *rest]
