"""A trainer of policies that trains nothing: it says what the script says, and leaves a copy of a tiny model."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_django import Settings

from labeling.base.states import PolicyStage
from labeling.models import ModelVersion, PolicyRun
from labeling.policies.services.requesting import request_policy_run
from labeling.policies.services.training import train_policy
from labeling.training.services.runs import claim_run
from tests.tiny_models import make_tiny_model

PROMPT = [{"role": "user", "content": "Why?"}]
FIGURES = {"reward": 0.25, "kl": 1.5, "entropy": 2.0, "length": 12.0, "ended": 0.5, "value_loss": 0.1, "clipped": 0.0}
PROGRAM = """
import json, shutil, sys
from pathlib import Path
script = json.loads(Path(sys.argv[1]).read_text())
arguments = sys.argv[2:]
Path(script["heard"]).write_text(json.dumps(arguments))
for event in script["events"]:
    print(json.dumps(event), flush=True)
if script["fails"]:
    sys.exit(2)
output = Path(arguments[arguments.index("--output") + 1])
shutil.copytree(script["model"], output)
(output / "metrics.json").write_text(json.dumps(script["metrics"]))
"""


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
    """Both launchers of the settings start it."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self._directory = directory
        program = directory / "trainer.py"
        program.write_text(PROGRAM)
        settings.POLICY_TRAIN_LAUNCHER = [sys.executable, str(program), str(directory / "script.json")]
        settings.PPO_LAUNCHER = settings.POLICY_TRAIN_LAUNCHER
        self._model = make_tiny_model(directory / "made")
        self.says([])

    def says(self, events: Sequence[dict[str, Any]], *, fails: bool = False, **metrics: Any) -> None:
        told = {"schema": 1, "method": "ppo", "stopped": "", "looks": [], "epochs": []}
        script = {
            "events": list(events), "fails": fails, "model": str(self._model),
            "heard": str(self._directory / "heard.json"), "metrics": told | metrics,
        }  # fmt: skip
        (self._directory / "script.json").write_text(json.dumps(script))

    def heard(self) -> list[str]:
        """The arguments of its last start."""
        arguments: list[str] = json.loads((self._directory / "heard.json").read_text())
        return arguments


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
