"""What a run keeps beside its output until that is written: the best model so far, other models, what was drawn."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from lm.atomic_files import write_text_file
from lm.errors import Failed
from lm.training.checkpoints import how_to_go_on
from lm.training.fsdp import whole_copy, whole_weights
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
        earlier = _earlier(self._beside(BEST))
        if self._processes.first and earlier.exists() and not self._beside(BEST).exists():
            earlier.rename(self._beside(BEST))  # it ended between the two names of `_write`

    def rollouts(self, iteration: int, rollouts: Sequence[Rollout]) -> None:
        """One JSON object a line: a prompt, its answers' tokens, log-probabilities and seeds, the weights' version."""
        with self._processes.agreed():
            if self._keeps_rollouts and self._processes.first:
                path = self._beside(ROLLOUTS) / f"iteration-{iteration:06d}.jsonl"
                self._write_lines(path, rollouts)

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
                for path in (self._beside(kind), _earlier(self._beside(kind))):
                    shutil.rmtree(path, ignore_errors=True)

    def _beside(self, kind: str) -> Path:
        return self._output.with_name(f".{self._output.name}.{kind}")

    def _write(self, path: Path, policy: Policy) -> None:
        """Whole or not at all; what was there before goes when the new one is whole."""
        policy = self._without_adapters(policy)
        weights = whole_weights(policy.model)
        fresh = path.with_name(f"{path.name}.new")
        if self._processes.first:
            shutil.rmtree(fresh, ignore_errors=True)
            if path.exists():
                shutil.rmtree(_earlier(path), ignore_errors=True)
        with shared_atomic_directory(fresh, self._processes) as directory:
            if self._processes.first:
                policy.save(directory, weights)
        if self._processes.first:
            if path.exists():
                path.rename(_earlier(path))
            fresh.rename(path)
            shutil.rmtree(_earlier(path), ignore_errors=True)

    def _write_lines(self, path: Path, rollouts: Sequence[Rollout]) -> None:
        """Raises Failed where the disk refuses."""
        try:
            write_text_file(path, (f"{json.dumps(_line(one))}\n" for one in rollouts))
        except Failed as failure:
            raise Failed(f"{failure} {how_to_go_on(self._output)}") from failure

    def _without_adapters(self, policy: Policy) -> Policy:
        """With the adapters, if there are any, added into the weights of a copy: empty but in the first process."""
        if not any("lora_" in name for name, _ in policy.model.named_parameters()):
            return policy
        model = whole_copy(policy.model, torch.device("cpu" if self._processes.first else "meta"))
        merge_adapters(model)
        return replace(policy, model=model)


def _earlier(path: Path) -> Path:
    """Where the model lies that was there before, while a new one takes its place."""
    return path.with_name(f"{path.name}.earlier")


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
