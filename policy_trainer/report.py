"""What a run leaves to read beside its model: metrics.json, training_log.jsonl, the card and the manifest."""

import json
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

from lm.atomic_files import write_json_file, write_text_file
from lm.progress import Progress
from lm.run_facts import RunFacts
from lm.snapshot.reading import Snapshot
from lm.training.arguments import TrainingArguments
from lm.training.energy import EnergyMeter
from lm.training.provenance import provenance, write_manifest
from lm.training.runtime import Runtime
from policy_trainer.metrics import Metrics
from policy_trainer.model import Policy
from policy_trainer.model_card import model_card

OF_THE_RUN = (
    "method", "base", "snapshot_sha256", "code", "device", "dtype", "threads", "seed", "schedule", "config", "seconds",
    "tokens", "energy", "reward_model", "watched_reward_model",
)  # fmt: skip
"""What manifest.json repeats of metrics.json."""


def facts(
    arguments: TrainingArguments,
    runtime: Runtime,
    policy: Policy,
    snapshot: Snapshot,
    energy: EnergyMeter,
    *,
    steps: int,
    tokens: int,
    seconds: Mapping[str, float],
    began: float,
    shape: str = "cosine",
) -> RunFacts:
    """What metrics.json says of the run itself."""
    made = provenance(
        arguments, runtime, policy.renderer, snapshot, steps=steps, trainer=Path(__file__).parent, shape=shape
    )
    return {
        **made,
        "tokens": {"trained": tokens},
        "seconds": {
            "training": seconds["training"],
            "waiting_for_data": seconds.get("waiting_for_data", 0.0),
            "total": monotonic() - began,
        },
        "energy": energy.describe(),
    }


def write(directory: Path, metrics: Metrics, progress: Progress, *, name: str) -> None:
    """Writes all of it; the manifest last, with every file's hash."""
    write_json_file(directory / "metrics.json", metrics)
    lines = [json.dumps(event, ensure_ascii=False) + "\n" for event in progress.events]
    write_text_file(directory / "training_log.jsonl", lines)
    write_text_file(directory / "README.md", [model_card(metrics, name=name)])
    write_manifest(directory, {name: metrics.get(name) for name in OF_THE_RUN})


def place(path: Path | None) -> str | None:
    return None if path is None else str(path)


def figures_in_words(figures: Mapping[str, float]) -> str:
    return "  ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in figures.items())
