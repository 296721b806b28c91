"""The commands of `python -m rm_trainer`, as the settings say that they are started."""

import json
import sys
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from labeling.training.services.runs import TrainingOptions
from labeling.training.services.trainer_process import Heard, run_trainer
from rm_trainer.evaluation.figures import Evaluation


class Trainer:
    """The commands of rm_trainer, with one log and one listener."""

    def __init__(self, log_path: Path, heard: Heard) -> None:
        self._log_path = log_path
        self._heard = heard

    def train(self, *, data: str, base: str, output: Path, options: TrainingOptions, command: str = "train") -> None:
        arguments = ["--data", data, "--base", base, "--output", str(output), "--progress", "jsonl"]
        for name, value in options.items():
            flag = f"--{name.replace('_', '-')}"
            if isinstance(value, bool):
                arguments += [flag] if value else []
            else:
                arguments += [flag, str(value)]
        self._run(command, arguments)

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
        self._run("evaluate", arguments + (["--current", str(current)] if current else []))
        written: Evaluation = json.loads(to.read_text())
        return written

    def _run(self, command: str, arguments: list[str]) -> None:
        arguments = [*arguments, "--cache-directory", str(Path(settings.VAR_DIR) / "tokens")]
        run_trainer(
            command=[*_launcher(), command, *arguments],
            log_path=self._log_path,
            heard=self._heard,
            silent_for=timedelta(minutes=settings.TRAINING_SILENT_MINUTES),
        )


def _launcher() -> list[str]:
    """RM_TRAIN_LAUNCHER, where a bare `python` is the interpreter of this worker whatever PATH says."""
    program, *rest = settings.RM_TRAIN_LAUNCHER
    return [sys.executable if program == "python" else program, *rest]
