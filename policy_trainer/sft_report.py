"""What an SFT run says while it runs, and writes at its end."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lm.training.checkpoints import Done
from lm.training.output import shared_atomic_directory
from lm.training.processes import Processes
from lm.training.tensorboard import EventFiles
from lm.words import counted
from policy_trainer import report
from policy_trainer.choosing import chosen, no_better, table
from policy_trainer.metrics import EpochRow, Metrics
from policy_trainer.sft_setup import Run


def begin(run: Run, done: Done[Any]) -> None:
    """Says what is learned from, and what of it is unusual."""
    arguments, progress = run.arguments, run.progress
    if run.reading.fallback:
        progress.note(f"Demonstrations are padded, not packed into rows: {run.reading.fallback}.")
    for split, examples in (("train", run.train), ("valid", run.valid)):
        for sentence in examples.in_words():
            progress.note(f"{split}: {sentence}")
        counts = examples.counts()
        if counts["shortened"]:
            over = counted(counts["shortened"], "demonstration is", "demonstrations are")
            lost = counted(counts["dropped_tokens"], "token", "tokens")
            progress.note(
                f"{split}: {over} over {run.policy.renderer.max_length} tokens; {lost} at the start are lost."
            )
    if len(run.train.examples) == 1:
        progress.note("There is one demonstration: the model will learn to say it.")
    if run.text is not None:
        progress.note(f"Pretraining text: {len(run.text.rows):,} rows of {run.text.source}.")
    if run.reward_remark:
        progress.note(run.reward_remark)
    if done.results:
        progress.note(f"Going on after step {len(done.results)}.")
    counts = {
        f"{split}_demonstrations": len(one.examples) for split, one in (("train", run.train), ("valid", run.valid))
    }
    progress.say(
        {"event": "start", "steps": run.steps, "counts": counts},
        f"{run.steps} steps over {len(run.train.examples)} demonstrations, {arguments.epochs} epochs; "
        f"{len(run.valid.examples)} to validate on.",
    )
    progress.events += done.events[1:]  # the first is the start, said again above


def step(run: Run, number: int, loss: float, rate: float, tokens: int, *, seconds: float) -> None:
    run.progress.say(
        {
            "event": "step",
            "step": number,
            "steps": run.steps,
            "loss": loss,
            "learning_rate": rate,
            "seconds": round(seconds, 3),
            "tokens": tokens,
        },
        f"step {number}/{run.steps}  loss {loss:.4f}  lr {rate:.2e}  {seconds:.0f} s",
    )


def write(
    run: Run,
    before: EpochRow | None,
    rows: Sequence[EpochRow],
    curves: EventFiles,
    processes: Processes,
    *,
    tokens: int,
    training: float,
) -> None:
    """Writes the chosen epoch's model with the whole table. The output appears whole."""
    row, by = chosen(rows)
    whole = list(rows)
    if before is not None:
        whole = [before, *rows]
        if worse := no_better(before, row):
            run.progress.note(worse)
    arguments = run.arguments
    metrics: Metrics = {
        "schema": 1,
        "method": "sft",
        **report.facts(
            arguments, run.runtime, run.policy, run.snapshot, run.energy, steps=run.steps, tokens=tokens,
            seconds={"training": training}, began=run.began,
        ),
        "counts": {"train": run.train.counts(), "valid": run.valid.counts()},
        "figures": {name: float(value) for name, value in row.items() if isinstance(value, float)},
        "chosen": row["step"],
        "chosen_by": by,
        "epochs": whole,
        "looks": [],
        "stopped": "",
        "watched_reward_model": None,
        "reward_model": report.place(arguments.reward_model),
        "prompt_reading": run.reading.name,
        "notes": list(run.progress.notes),
    }  # fmt: skip
    run.progress.note(f"{table(whole)}\nEpoch {row['epoch']} is kept, by {by}.")
    with shared_atomic_directory(arguments.output, processes) as directory:
        if processes.first:
            if arguments.keep_epochs:
                run.kept.link_epochs_into(directory)
            run.kept.link_into(directory, model=row["epoch"])
            curves.move_into(directory)
            report.write(directory, metrics, run.progress, name=Path(arguments.output).name)
    run.kept.remove()
