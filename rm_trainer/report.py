"""What a training run leaves to read: remarks before it starts, metrics.json and training_log.jsonl after it."""

import json
from collections.abc import Sequence
from pathlib import Path

from lm.atomic_files import write_json_file, write_text_file
from lm.prefix_sharing.strategy import Strategy
from lm.progress import Progress
from lm.rendering import Renderer
from lm.training.provenance import write_manifest
from lm.words import counted
from rm_trainer.arguments import TrainArguments
from rm_trainer.data import DEMONSTRATIONS, TrainingData
from rm_trainer.evaluation.analysis import analyse
from rm_trainer.evaluation.ceiling import in_words
from rm_trainer.evaluation.figures import Analysis, Summary
from rm_trainer.evaluation.metrics import Outcome, summarise
from rm_trainer.metrics import Metrics, PromptReading, TrainFigures
from rm_trainer.model_card import model_card
from rm_trainer.steps import StepResult
from rm_trainer.token_file import TokenizedRanking
from rm_trainer.usable import in_words as left_out_in_words
from rm_trainer.usable import tied_in_words

OF_THE_RUN = (
    "base", "snapshot_sha256", "demonstrations_sha256", "code", "device", "dtype", "threads", "seed", "schedule",
    "config", "seconds", "tokens", "energy",
)  # fmt: skip
"""What manifest.json repeats of metrics.json."""


def note_what_is_unusual(
    data: TrainingData, renderer: Renderer, sharing: Strategy, arguments: TrainArguments, progress: Progress
) -> None:
    """Tells people before the first step what the run leaves out, so that nothing is dropped in silence."""
    _note_half(data, arguments, progress)
    if sharing.fallback:
        progress.note(f"Every prompt is read once per completion, not once: {sharing.fallback}.")
    if renderer.max_length < arguments.max_length:
        progress.note(f"The model reads {renderer.max_length} tokens, less than --max-length {arguments.max_length}.")
    for split, counts in data.counts.items():
        if counts["dropped_prompt_tokens"]:
            over = counted(counts["shortened_prompts"], "prompt is", "prompts are")
            lost = counted(counts["dropped_prompt_tokens"], "token", "tokens")
            progress.note(
                f"{split}: {over} over {renderer.max_length} tokens with the completions; {lost} at the start are lost."
            )
        for remark in left_out_in_words(
            data.remarks[split], of="demonstration" if split == DEMONSTRATIONS else "ranking"
        ):
            progress.note(f"{split}: {remark}")
        if counts.get("tied_rankings"):
            progress.note(f"{split}: {tied_in_words(counts['tied_rankings'])}")
        if counts.get("also_in_train"):
            progress.note(
                f"{split}: {counts['also_in_train']} of its prompts begin like one that is trained on as well; its "
                "figures say little."
            )
    if not data.valid:
        progress.note("There is nothing to validate on, so metrics.json will have no validation metrics.")
    if not data.demonstrations:
        progress.note("There are no demonstrations, so the rewards have no bias: their level will mean nothing.")


def _note_half(data: TrainingData, arguments: TrainArguments, progress: Progress) -> None:
    if arguments.half != "all":
        left = counted(data.counts["train"]["other_half"], "ranking is", "rankings are")
        progress.note(f"train: of the {arguments.half} half; {left} left to the other one.")


def reading(sharing: Strategy, counts: dict[str, int], results: Sequence[StepResult], *, epochs: int) -> PromptReading:
    """Returns how the prompts were read."""
    full = counts["tokens"]
    tokens = full if sharing.name == "full" else counts["unique_tokens"]
    padding = 1 - epochs * tokens / sum(result.computed_tokens for result in results)
    return {
        "strategy": sharing.name,
        "fallback": sharing.fallback,
        "tokens": tokens,
        "tokens_unshared": full,
        "padding": padding,
    }


def train_metrics(results: Sequence[StepResult], rankings: Sequence[TokenizedRanking]) -> TrainFigures:
    """Returns the averages over the whole run."""
    pairs = sum(result.pairs for result in results)
    return {
        "rankings": len(rankings),
        "pairs": pairs,
        "loss": sum(result.loss for result in results) / len(results),
        "pair_accuracy": sum(result.correct for result in results) / pairs,
        "first_loss": results[0].loss,
        "last_loss": results[-1].loss,
    }


def metrics_of(outcomes: Sequence[Outcome], arguments: TrainArguments) -> Summary | None:
    """Returns None for a split without a usable pair."""
    return summarise(outcomes, seed=arguments.seed) if outcomes else None


def analysis_of(outcomes: Sequence[Outcome], arguments: TrainArguments) -> Analysis | None:
    """Returns None for a split without a usable pair."""
    if not outcomes:
        return None
    return analyse(outcomes, seed=arguments.seed)


def write(directory: Path, metrics: Metrics, progress: Progress) -> None:
    """Writes metrics.json, training_log.jsonl with every event of the run so far, the model card and the manifest."""
    write_json_file(directory / "metrics.json", metrics)
    analysis = metrics["analysis"]["valid"]
    if analysis is not None:
        progress.note(in_words(analysis["ceiling"]))
    lines = [json.dumps(event, ensure_ascii=False) + "\n" for event in progress.events]
    write_text_file(directory / "training_log.jsonl", lines)
    write_text_file(directory / "README.md", [model_card(metrics, name=metrics["config"]["output"])])
    write_manifest(directory, {name: metrics.get(name) for name in OF_THE_RUN})
