"""What a run keeps beside its output until that is written: the best model so far, other models, what was drawn."""

import json
import shutil
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from lm.atomic_files import write_text_file
from lm.training.fsdp import whole_weights
from lm.training.lora import merge_adapters
from lm.training.output import shared_atomic_directory
from lm.training.processes import ALONE, Processes
from policy_trainer.model import Policy
from policy_trainer.rollout import Rollout

BEST, ROLLOUTS, EPOCHS = "best", "rollouts", "epochs"


class Kept:
    """Beside OUTPUT: `.NAME.best/`, `.NAME.epochs/epoch-01/`, `.NAME.rollouts/`. All of it is gone with the run."""

    def __init__(self, output: Path, *, keeps_rollouts: bool = False, processes: Processes = ALONE) -> None:
        self._output = output.absolute()
        self._keeps_rollouts = keeps_rollouts
        self._processes = processes
        self._score: float | None = None

    def best(self, policy: Policy, score: float | None) -> None:
        """Writes the model where its score is the highest so far; of equals the earlier stays. None always replaces."""
        if score is not None and self._score is not None and score <= self._score:
            return
        self._score = score
        self._write(self._beside(BEST), policy)

    def epoch(self, policy: Policy, epoch: int) -> None:
        self._write(self.epoch_directory(epoch), policy)

    def epoch_directory(self, epoch: int) -> Path:
        return self._beside(EPOCHS) / f"epoch-{epoch:02d}"

    def forget_epochs(self, *, but: int) -> None:
        """Leaves one epoch's model of all."""
        if self._processes.first:
            for path in self._beside(EPOCHS).glob("epoch-*"):
                if path != self.epoch_directory(but):
                    shutil.rmtree(path)

    def known(self, score: float | None) -> None:
        """Of a run that goes on: the highest score of its looks so far."""
        self._score = score

    def rollouts(self, iteration: int, rollouts: Sequence[Rollout]) -> None:
        """One JSON object a line: a prompt, its answers' tokens, log-probabilities and seeds, the weights' version."""
        if self._keeps_rollouts:
            path = self._beside(ROLLOUTS) / f"iteration-{iteration:06d}.jsonl"
            write_text_file(path, (f"{json.dumps(_line(one))}\n" for one in rollouts))

    def move_into(self, directory: Path, *, model: Path | None = None) -> None:
        """Moves the best model, or another one's files, into the finished output, and the rollouts."""
        source = model or self._beside(BEST)
        if self._processes.first:
            for path in sorted(source.iterdir()):
                shutil.move(path, directory / path.name)
            if self._beside(ROLLOUTS).is_dir():
                shutil.move(self._beside(ROLLOUTS), directory / ROLLOUTS)

    def move_epochs_into(self, directory: Path) -> None:
        if self._processes.first:
            shutil.copytree(self._beside(EPOCHS), directory / EPOCHS)

    def remove(self) -> None:
        if self._processes.first:
            for kind in (BEST, ROLLOUTS, EPOCHS):
                shutil.rmtree(self._beside(kind), ignore_errors=True)

    def _beside(self, kind: str) -> Path:
        return self._output.with_name(f".{self._output.name}.{kind}")

    def _write(self, path: Path, policy: Policy) -> None:
        """Whole or not at all; what was there before goes when the new one is whole."""
        policy = _without_adapters(policy)
        weights = whole_weights(policy.model)
        fresh = path.with_name(f"{path.name}.new")
        if self._processes.first:
            shutil.rmtree(fresh, ignore_errors=True)
        with shared_atomic_directory(fresh, self._processes) as directory:
            if self._processes.first:
                policy.save(directory, weights)
        if self._processes.first:
            shutil.rmtree(path, ignore_errors=True)
            fresh.rename(path)


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


def _without_adapters(policy: Policy) -> Policy:
    """With the adapters, if there are any, added into the weights of a copy."""
    if not any("lora_" in name for name, _ in policy.model.named_parameters()):
        return policy
    model = deepcopy(policy.model)
    merge_adapters(model)
    return replace(policy, model=model)


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 5) for value in values.tolist()]
