"""A trainer of policies that trains nothing: it says what the script says, and leaves a copy of a tiny model."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from labeling.base.states import PolicyStage
from labeling.models import ModelVersion, PolicyRun
from labeling.policies.services.requesting import request_policy_run
from labeling.policies.services.training import train_policy
from labeling.training.services.runs import claim_run
from labeling.training.services.trainer_process import Heard
from lm.progress import Event

PROMPT = [{"role": "user", "content": "Why?"}]
FIGURES = {"reward": 0.25, "kl": 1.5, "entropy": 2.0, "length": 12.0, "ended": 0.5, "value_loss": 0.1, "clipped": 0.0}


def samples(step: int, text: str, **figures: float) -> dict[str, Any]:
    said = [{"prompt": PROMPT, "text": text, "finish_reason": "stop", "reward": 0.5}]
    return {"event": "samples", "step": step, "samples": said, "figures": figures}


def step(number: int, **figures: float) -> dict[str, Any]:
    return {
        "event": "step", "step": number, "steps": 2, "loss": 1.0 / number, "figures": figures, "learning_rate": 1e-5,
        "seconds": 1.0, "tokens": 100,
    }  # fmt: skip


PPO_EVENTS = [
    {"event": "start", "steps": 2, "counts": {"prompts": 3}},
    samples(0, "The SFT model says so."),
    step(1, **FIGURES),
    step(2, **FIGURES | {"reward": 0.75}),
    samples(2, "The policy says more.", optimised=0.8, watched=0.6, watched_error=0.1, win_rate=0.75),
]


class ScriptedTrainer:
    """Takes the place of the process that would train. `heard`: the arguments of its last start."""

    def __init__(self, model: Path) -> None:
        self.heard: list[str] = []
        self._model = model
        self.says([])

    def says(self, events: Sequence[dict[str, Any]], *, fails: Exception | None = None, **metrics: Any) -> None:
        """From now on it says so, and fails or leaves a model with such metrics."""
        self._events, self._fails = events, fails
        self._metrics = {"schema": 1, "method": "ppo", "stopped": "", "looks": [], "epochs": []} | metrics

    def __call__(self, *, command: Sequence[str], log_path: Path, heard: Heard, silent_for: Any) -> None:
        self.heard = list(command[command.index("policy_trainer") + 1 :])
        log_path.parent.mkdir(parents=True, exist_ok=True)
        log_path.write_text("It began.")
        for event in self._events:
            heard(cast("Event", event))
        if self._fails is not None:
            raise self._fails
        output = Path(command[command.index("--output") + 1])
        shutil.copytree(self._model, output)
        (output / "metrics.json").write_text(json.dumps(self._metrics))


def done(run: PolicyRun) -> PolicyRun:
    """A worker claims the run and does it."""
    claimed = claim_run(run=run, worker="here")
    assert claimed is not None
    train_policy(claimed)
    claimed.refresh_from_db()
    return claimed


def asked(stage: str, **options: Any) -> PolicyRun:
    return request_policy_run(stage=PolicyStage(stage), **options)


def named(name: str, **fields: Any) -> ModelVersion:
    """A version on record whose files nobody reads."""
    return ModelVersion.objects.create(name=name, path=f"/{name}", **{"kind": "sft", "state": "candidate"} | fields)
