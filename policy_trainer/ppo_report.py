"""What a PPO run says while it runs, and writes at its end."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

from lm.training.checkpoints import Done
from lm.training.output import shared_atomic_directory
from lm.training.processes import Processes
from lm.training.tensorboard import EventFiles
from policy_trainer import report
from policy_trainer.arguments import PpoArguments
from policy_trainer.metrics import LookRow, Metrics
from policy_trainer.ppo_setup import Run
from policy_trainer.ppo_step import IterationResult
from policy_trainer.prompts import left_out_in_words
from policy_trainer.watch import Look

SAID = (
    "reward", "raw_reward", "kl", "entropy", "length", "ended", "policy_loss", "value_loss", "ptx_loss", "clipped",
    "approximate_kl", "squared_ratio", "policy_norm", "norm", "explained_variance", "decoder_gap", "equal_groups",
)  # fmt: skip
"""Figures of every iteration's event. One answer is no group, so with --completions 1 `equal_groups` is left out."""
TOLD = ("reward", "kl", "entropy", "length", "ended")
"""Of these the ones that a sentence holds."""
WIDE_GAP = 0.1
"""Nats a token between sampler and trainer that are worth a word: bfloat16 makes about 0.03."""


def begin(run: Run, done: Done[IterationResult]) -> None:
    """Says what the run is given, and what is unusual of it; and the SFT model's answers."""
    arguments, progress = run.arguments, run.progress
    if run.networks.reading.fallback:
        progress.note(f"Every prompt is read once per answer, not once: {run.networks.reading.fallback}.")
    if run.left_out:
        progress.note(left_out_in_words(run.left_out))
    if run.text is not None:
        progress.note(f"Pretraining text: {len(run.text.rows):,} rows of {run.text.source}.")
    if not run.held_out:
        progress.note("There are no held-out prompts, so nothing is watched and the last model is kept.")
    elif arguments.watched_reward_model is None:
        progress.note("No other reward model watches, so nobody sees when the policy pleases its reward model alone.")
    for remark in run.reward_remarks:
        progress.note(remark)
    progress.note(
        f"Rewards are the reward model's with its bias, divided by {arguments.reward_scale:g}; a nat of KL costs "
        f"{arguments.beta:g}."
    )
    if done.results:
        progress.note(f"Going on after iteration {len(done.results)}.")
    counts = {"prompts": len(run.prompts), "held_out_prompts": len(run.held_out), "episodes": arguments.episodes}
    progress.say(
        {"event": "start", "steps": arguments.iterations, "counts": counts},
        f"{arguments.iterations} iterations of {arguments.batch} answers to {len(run.prompts)} prompts; "
        f"{len(run.held_out)} prompts to look at.",
    )
    if done.events:
        progress.events += done.events[1:]  # the first is the start, said again above
    else:
        progress.say({"event": "samples", "step": 0, "samples": list(run.sft_samples)}, "The SFT model has answered.")


def iteration(run: Run, number: int, result: IterationResult, *, seconds: float) -> None:
    figures = _figures(result, run.arguments)
    told = report.figures_in_words({name: figures[name] for name in TOLD})
    run.progress.say(
        {
            "event": "step",
            "step": number,
            "steps": run.arguments.iterations,
            "loss": result.policy_loss,
            "figures": figures,
            "learning_rate": result.learning_rate,
            "seconds": round(seconds, 3),
            "tokens": result.tokens,
        },
        f"iteration {number}/{run.arguments.iterations}  {told}  {seconds:.0f} s",
    )
    if result.decoder_gap > WIDE_GAP:
        _note_once(run, "Sampler and trainer differ by", f"{result.decoder_gap:.3f} nats a token; it looks like KL.")


def write(
    run: Run,
    results: Sequence[IterationResult],
    best: Look | None,
    curves: EventFiles,
    processes: Processes,
    *,
    stopped: str,
    training: float,
) -> None:
    """Writes the averaged weights of the best look. The output appears whole."""
    arguments, last = run.arguments, results[-1]
    metrics: Metrics = {
        "schema": 1,
        "method": "ppo",
        **report.facts(
            arguments,
            run.runtime,
            run.policy,
            run.snapshot,
            run.energy,
            steps=len(results),
            tokens=sum(one.tokens for one in results),
            seconds={"training": training},
            began=run.began,
            shape="constant",
        ),
        "counts": {
            "prompts": {"train": len(run.prompts), "held_out": len(run.held_out), "left_out": run.left_out},
            "episodes": {"train": len(results) * arguments.batch},
        },
        "figures": _figures(last, arguments),
        "chosen": len(results) if best is None else best.iteration,
        "chosen_by": "being the last, as there were no held-out prompts" if best is None else _by(arguments),
        "epochs": [],
        "looks": [cast("LookRow", asdict(one.look)) for one in results if one.look is not None],
        "stopped": stopped,
        "reward_model": str(arguments.reward_model),
        "watched_reward_model": report.place(arguments.watched_reward_model),
        "prompt_reading": run.networks.reading.name,
        "notes": list(run.progress.notes),
    }
    with shared_atomic_directory(arguments.output, processes) as directory:
        if processes.first:
            run.kept.link_into(directory, model=metrics["chosen"])
            curves.move_into(directory)
            report.write(directory, metrics, run.progress, name=Path(arguments.output).name)
    run.kept.remove()


def _figures(result: IterationResult, arguments: PpoArguments) -> dict[str, float]:
    names = [name for name in SAID if name != "equal_groups" or arguments.completions > 1]
    return {name: float(getattr(result, name)) for name in names}


def _note_once(run: Run, begin: str, end: str) -> None:
    if not any(note.startswith(begin) for note in run.progress.notes):
        run.progress.note(f"{begin} {end}")


def _by(arguments: PpoArguments) -> str:
    watched = arguments.watched_reward_model
    return f"the mean reward of its answers to held-out prompts by {'another' if watched else 'the same'} reward model"
