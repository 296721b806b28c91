"""Every value that a command takes, with its meaning, its default and where the default comes from.

InstructGPT's numbers are from its §3.5 and appendix C.2 (Ouyang et al. 2022).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from lm.errors import Refused
from lm.training.arguments import Precision, RuntimeArguments, TrainingArguments, at_least
from rm_trainer.evaluation.newest import parse_time
from rm_trainer.loss import Strength

Half = Literal["all", "first", "second"]


@dataclass(frozen=True, kw_only=True)
class TrainArguments(TrainingArguments):
    """`python -m rm_trainer train`."""

    # Of the data the hash counts, not the place.
    MAY_DIFFER: ClassVar[frozenset[str]] = TrainingArguments.MAY_DIFFER | {
        "data", "demonstrations", "cache_directory",
    }  # fmt: skip

    data: Annotated[Path, "Snapshot directory that holds rankings (docs/data-contract.md)."]
    demonstrations: Annotated[
        Path | None, "Snapshot whose train-split demonstrations get mean reward 0; absent, those inside --data."
    ] = None
    cache_directory: Annotated[
        Path | None, "Where tokenised records are kept between runs; absent, ~/.cache/concord/tokens."
    ] = None
    half: Annotated[
        Half,
        "Of the split train: all of it, or one half of its prompts. Two models of different halves share no prompt, so "
        "that one can be optimised and the other watch (Bai et al. 2022, §4.2).",
    ] = "all"
    epochs: Annotated[int, "Passes over the rankings. InstructGPT: 1; several overfit quickly."] = 1
    rankings_per_batch: Annotated[int, "Rankings (prompts) per optimizer step. InstructGPT: 64."] = 64
    learning_rate: Annotated[float, "Peak learning rate. InstructGPT: 9e-6, insensitive to ±50%."] = 9e-6
    strength: Annotated[
        Strength,
        "What a preference's strength does: nothing; a margin (Llama 2); a weight (HelpSteer2). Absent ones are 1.",
    ] = "none"
    label_smoothing: Annotated[float, "Part of the pairs that is taken to be labelled the wrong way round."] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, rankings_per_batch=self.rankings_per_batch)
        if not 0 <= self.label_smoothing < 0.5:
            raise Refused(f"--label-smoothing is {self.label_smoothing}; it must be at least 0 and below 0.5.")


@dataclass(frozen=True, kw_only=True)
class FoldsArguments(TrainArguments):
    """`python -m rm_trainer folds`: every option of `train`, which trains each fold."""

    output: Annotated[Path, "Directory for the folds' figures; the same command goes on in it after a stop."]
    folds: Annotated[int, "Groups of labelers, each left out once. InstructGPT: 5."] = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(2, folds=self.folds)


@dataclass(frozen=True, kw_only=True)
class EvaluateArguments(RuntimeArguments):
    """`python -m rm_trainer evaluate`."""

    data: Annotated[Path, "Snapshot directory that holds rankings."]
    model: Annotated[Path, "Reward model directory, as `train` writes it."]
    output: Annotated[Path, "JSON file to write (replaced if it exists)."]
    current: Annotated[
        Path | None, "What this command wrote for the model in use, on the same split: the two are compared in pairs."
    ] = None
    split: Annotated[str, "Split of the snapshot: train, valid, test or held_out."] = "valid"
    tokens_per_microbatch: Annotated[
        int, "Tokens in memory at a time, a prompt's counted once for its completions."
    ] = 2048
    cache_directory: Annotated[
        Path | None, "Where tokenised records are kept between runs; absent, ~/.cache/concord/tokens."
    ] = None
    newest_since: Annotated[
        str | None, "Time such as 2026-01-02T03:04:05Z: also judge valid and test rankings handed in after it."
    ] = None
    confidence: Annotated[float, "Of the one-sided bounds of the differences."] = 0.95
    max_length: Annotated[int | None, "Tokens per sequence; absent, what the model was trained with."] = None
    dtype: Annotated[
        Literal["trained", "auto", "float32", "bfloat16"],
        "Precision of the network's matrix products. trained: what the model was trained and measured in.",
    ] = "trained"
    bootstrap_samples: Annotated[int, "Resamples of the prompts behind the 95% intervals."] = 1000
    seed: Annotated[int, "Decides the resamples."] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, tokens_per_microbatch=self.tokens_per_microbatch, bootstrap_samples=self.bootstrap_samples)
        at_least(0, seed=self.seed)
        if self.newest_since is not None:
            parse_time(self.newest_since)
        if not 0.5 <= self.confidence < 1:
            raise Refused(f"--confidence is {self.confidence}; it must be at least 0.5 and below 1.")
        if self.max_length is not None:
            at_least(1, max_length=self.max_length)


@dataclass(frozen=True, kw_only=True)
class ScoreArguments(RuntimeArguments):
    """`python -m rm_trainer score`."""

    model: Annotated[Path, "Reward model directory, as `train` writes it."]
    input: Annotated[str, 'JSONL file of {"prompt": [messages], "completion": "text"}, or - for standard input.']
    output: Annotated[str, 'JSONL file to write, each line with its "reward" added, or - for standard output.']
    batch_size: Annotated[int, "Completions in memory at a time; results appear batch by batch."] = 16
    max_length: Annotated[int | None, "Tokens per sequence; absent, what the model was trained with."] = None
    dtype: Annotated[Precision, "Precision of the network's matrix products."] = "float32"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, batch_size=self.batch_size)
        if self.max_length is not None:
            at_least(1, max_length=self.max_length)
