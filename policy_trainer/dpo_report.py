"""What a DPO run says while it runs, and writes at its end."""

from pathlib import Path
from typing import Any

from lm.training.checkpoints import Done
from lm.training.fsdp import whole_weights
from lm.training.output import shared_atomic_directory
from lm.training.processes import Processes
from lm.training.tensorboard import EventFiles
from policy_trainer import report
from policy_trainer.dpo_setup import Run
from policy_trainer.metrics import Metrics
from rm_trainer.usable import in_words, tied_in_words


def begin(run: Run, done: Done[Any]) -> None:
    """Says what is learned from, and what of it is left out."""
    progress, data = run.progress, run.data
    if run.reading.fallback:
        progress.note(f"Every prompt is read once per completion, not once: {run.reading.fallback}.")
    for split in ("train", "valid"):
        for remark in in_words(data.remarks[split]):
            progress.note(f"{split}: {remark}")
        if data.counts[split].get("tied_rankings"):
            progress.note(f"{split}: {tied_in_words(data.counts[split]['tied_rankings'])}")
    if done.results:
        progress.note(f"Going on after step {len(done.results)}.")
    progress.start(
        steps=run.steps,
        train_rankings=len(run.train),
        train_pairs=data.counts["train"]["pairs"],
        valid_rankings=len(run.valid),
    )
    progress.events += done.events[1:]  # the first is the start, said again above


def step(run: Run, number: int, loss: float, accuracy: float, result: Any, seconds: float) -> None:
    run.progress.step(
        step=number,
        steps=run.steps,
        loss=loss,
        accuracy=accuracy,
        learning_rate=result.learning_rate,
        seconds=seconds,
        tokens=result.tokens,
    )


def write(
    run: Run, figures: dict[str, float], curves: EventFiles, processes: Processes, *, tokens: int, training: float
) -> None:
    """The output appears whole."""
    arguments = run.arguments
    weights = whole_weights(run.policy.model)
    metrics: Metrics = {
        "schema": 1,
        "method": "dpo",
        **report.facts(
            arguments, run.runtime, run.policy, run.records.snapshot, run.energy, steps=run.steps, tokens=tokens,
            seconds={"training": training}, began=run.began,
        ),
        "counts": {split: run.data.counts[split] for split in ("train", "valid")},
        "figures": figures,
        "chosen": run.steps,
        "chosen_by": "being the last",
        "epochs": [],
        "looks": [],
        "stopped": "",
        "reward_model": None,
        "watched_reward_model": None,
        "prompt_reading": run.reading.name,
        "notes": list(run.progress.notes),
    }  # fmt: skip
    with shared_atomic_directory(arguments.output, processes) as directory:
        if processes.first:
            run.policy.save(directory, weights)
            curves.move_into(directory)
            report.write(directory, metrics, run.progress, name=Path(arguments.output).name)
