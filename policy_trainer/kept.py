"""What a run keeps beside its output until that is written: models of epochs or iterations, and what was drawn."""

import json
import os
import shutil
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import torch
from torch import Tensor

from lm.atomic_files import disk_errors_told, sync, write_text_file
from lm.errors import Failed
from lm.training.checkpoints import how_to_go_on
from lm.training.fsdp import whole_copy, whole_weights
from lm.training.lora import has_adapters, merge_adapters
from lm.training.output import shared_atomic_directory
from lm.training.processes import ALONE, Processes
from policy_trainer.model import Policy
from policy_trainer.rollout import Rollout

MODELS, ROLLOUTS, EPOCHS = "models", "rollouts", "epochs"


def most_models(*, checkpoints: bool) -> int:
    """That lie there at a time: the best, the one that is being written, and the best that the last checkpoint has."""
    return 3 if checkpoints else 2


class Kept:
    """Beside OUTPUT: `.NAME.models/000001/`, `.NAME.rollouts/`. All of it is gone with the run."""

    def __init__(self, output: Path, *, keeps_rollouts: bool = False, processes: Processes = ALONE) -> None:
        self._output = output.absolute()
        self._keeps_rollouts = keeps_rollouts
        self._processes = processes

    def model(self, policy: Policy, number: int) -> None:
        """Writes the model of an epoch or an iteration, durably and whole or not at all."""
        policy = self._without_adapters(policy)
        weights = whole_weights(policy.model)
        path = self._model(number)
        fresh = path.with_name(f"{path.name}.new")
        if self._processes.first:
            shutil.rmtree(fresh, ignore_errors=True)
        with shared_atomic_directory(fresh, self._processes) as directory:
            if self._processes.first:
                policy.save(directory, weights)
        if self._processes.first:
            with disk_errors_told(path):
                shutil.rmtree(path, ignore_errors=True)  # of steps that no checkpoint had, which were done again
                fresh.rename(path)
                sync(path.parent)

    def forget_models(self, *, but: Collection[int]) -> None:
        """Leaves these models alone."""
        if self._processes.first:
            for path in self._beside(MODELS).glob("*"):
                if path not in map(self._model, but):
                    shutil.rmtree(path)

    def rollouts(self, iteration: int, rollouts: Sequence[Rollout]) -> None:
        """One JSON object a line: a prompt, its answers' tokens, log-probabilities and seeds, the weights' version."""
        with self._processes.agreed():
            if self._keeps_rollouts and self._processes.first:
                path = self._beside(ROLLOUTS) / f"iteration-{iteration:06d}.jsonl"
                self._write_lines(path, rollouts)

    def link_into(self, directory: Path, *, model: int) -> None:
        """Puts the files of a model, and the rollouts, into the finished output; they stay here until `remove`."""
        if self._processes.first:
            copytree(self._model(model), directory, copy_function=_link, dirs_exist_ok=True)
            if self._beside(ROLLOUTS).is_dir():
                copytree(self._beside(ROLLOUTS), directory / ROLLOUTS, copy_function=_link)

    def link_epochs_into(self, directory: Path) -> None:
        if self._processes.first:
            for path in self._beside(MODELS).glob("[0-9]*[0-9]"):
                copytree(path, directory / EPOCHS / f"epoch-{int(path.name):02d}", copy_function=_link)

    def remove(self) -> None:
        if self._processes.first:
            for kind in (MODELS, ROLLOUTS):
                shutil.rmtree(self._beside(kind), ignore_errors=True)

    def _beside(self, kind: str) -> Path:
        return self._output.with_name(f".{self._output.name}.{kind}")

    def _model(self, number: int) -> Path:
        return self._beside(MODELS) / f"{number:06d}"

    def _write_lines(self, path: Path, rollouts: Sequence[Rollout]) -> None:
        """Raises Failed where the disk refuses."""
        try:
            write_text_file(path, (f"{json.dumps(_line(one))}\n" for one in rollouts))
        except Failed as failure:
            raise Failed(f"{failure} {how_to_go_on(self._output)}") from failure

    def _without_adapters(self, policy: Policy) -> Policy:
        """With the adapters, if there are any, added into the weights of a copy: empty but in the first process."""
        if not has_adapters(policy.model):
            return policy
        model = whole_copy(policy.model, torch.device("cpu" if self._processes.first else "meta"))
        merge_adapters(model)
        return replace(policy, model=model)


def _link(source: str, target: str) -> None:
    """A second name for a file, or a copy where the file system has none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _line(one: Rollout) -> dict[str, object]:
    prefix, *answers = torch.split(one.tokens.ids, [one.tokens.prefix, *one.tokens.completions])
    log_probs = torch.split(one.engine_log_probs, list(one.tokens.completions))
    return {
        "prompt": one.prompt.number,
        "weights": one.version,
        "prompt_tokens": prefix.tolist(),
        "answers": [
            {
                "tokens": tokens.tolist(),
                "log_probs": _rounded(own),
                "seed": seed,
                "ended": end,
            }
            for tokens, own, seed, end in zip(answers, log_probs, one.seeds, one.ended, strict=True)
        ],
    }


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 5) for value in values.tolist()]
