"""Every value that a command takes, with its meaning, its default and where the default comes from.

InstructGPT's numbers are from its §3.5 and appendix C.2 (Ouyang et al. 2022).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rm_trainer.errors import Refused
from rm_trainer.evaluation.recency import parse_time
from rm_trainer.loss import Strength

Optimizer = Literal["adamw", "adamw8bit"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class RuntimeArguments:
    """Where and how precisely the network is computed; shared by every command."""

    device: Annotated[str, "auto, cpu, cuda, cuda:1, mps … auto takes a GPU where there is one."] = "auto"
    threads: Annotated[int | None, "CPU threads; absent, torch decides."] = None

    def __post_init__(self) -> None:
        if self.threads is not None:
            _at_least(1, threads=self.threads)


@dataclass(frozen=True, kw_only=True)
class TrainArguments(RuntimeArguments):
    """`python -m rm_trainer train`."""

    data: Annotated[Path, "Snapshot directory that holds rankings (docs/data-contract.md)."]
    base: Annotated[str, "Model to start from: a directory with safetensors weights, or a Hugging Face id."]
    output: Annotated[Path, "Checkpoint directory to write; it must not exist yet, or be empty."]
    demonstrations: Annotated[
        Path | None, "Snapshot whose train-split demonstrations get mean reward 0; absent, those inside --data."
    ] = None
    cache_directory: Annotated[
        Path | None, "Where tokenised records are kept between runs; absent, ~/.cache/concord/tokens."
    ] = None
    epochs: Annotated[int, "Passes over the rankings. InstructGPT: 1; several overfit quickly."] = 1
    rankings_per_batch: Annotated[int, "Rankings (prompts) per optimizer step. InstructGPT: 64."] = 64
    tokens_per_microbatch: Annotated[
        int,
        "Tokens in memory at a time, a prompt's counted once for its completions; a batch's gradient doesn't depend on "
        "it. A ranking that has more is computed alone.",
    ] = 2048
    optimizer: Annotated[
        Optimizer, "adamw8bit keeps both moments in 8 bits (torchao): 10 bytes a weight in all instead of 16."
    ] = "adamw"
    learning_rate: Annotated[float, "Peak learning rate. InstructGPT: 9e-6, insensitive to ±50%."] = 9e-6
    final_learning_rate_fraction: Annotated[float, "The cosine ends at this part of the peak. InstructGPT: 0.1."] = 0.1
    warmup_steps: Annotated[int, "Optimizer steps of linear warm-up. InstructGPT: 0."] = 0
    beta1: Annotated[float, "AdamW's first-moment decay. InstructGPT: 0.9."] = 0.9
    beta2: Annotated[float, "AdamW's second-moment decay. InstructGPT: 0.95."] = 0.95
    adam_epsilon: Annotated[float, "AdamW's epsilon."] = 1e-8
    weight_decay: Annotated[float, "AdamW's decoupled weight decay."] = 0.0
    clip: Annotated[float, "The gradient's largest norm; 0 leaves it as it is."] = 1.0
    max_length: Annotated[
        int, "Tokens per sequence. Over it, tokens leave the start of the prompt, never a completion."
    ] = 2048
    dtype: Annotated[
        Precision,
        "Precision of the matrix products; weights stay float32. auto: bfloat16 where the device computes in it.",
    ] = "auto"
    recompute_activations: Annotated[
        bool, "Keep no activations but every layer's input: less memory,about a third more time."
    ] = False
    freeze_embeddings: Annotated[
        bool, "Leave the token embeddings as they are; saves memory in large vocabularies."
    ] = False
    freeze_layers: Annotated[int, "Leave the first N layers, and the embeddings under them, as they are."] = 0
    lora_rank: Annotated[
        int, "Train adapters of this rank on the layers, and the head, instead of all weights; 0: all weights."
    ] = 0
    lora_alpha: Annotated[float, "Adapters count this much divided by their rank."] = 32.0
    eval_every: Annotated[int, "Optimizer steps between evaluations on the valid split; 0: only at the end."] = 0
    newest_since: Annotated[
        str | None, "Time such as 2026-01-02T03:04:05Z: rankings handed in after it are the newest batch."
    ] = None
    tensorboard_directory: Annotated[
        Path | None, "Where TensorBoard's event files go; absent, into the output, and beside it until that is whole."
    ] = None
    strength: Annotated[
        Strength,
        "What a preference's strength does: nothing; a margin (Llama 2); a weight (HelpSteer2). Absent ones are 1.",
    ] = "none"
    label_smoothing: Annotated[float, "Part of the pairs that is taken to be labelled the wrong way round."] = 0.0
    spike_factor: Annotated[
        float, "Stop when a step's loss is this many times the usual, which is log 2 or more; 0: never."
    ] = 8.0
    checkpoint_every: Annotated[
        int, "Optimizer steps between checkpoints from which the same command goes on after a stop; 0: none."
    ] = 0
    seed: Annotated[int, "Decides the head's first weights, the order of the rankings and the bootstrap."] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least(
            1,
            epochs=self.epochs,
            rankings_per_batch=self.rankings_per_batch,
            tokens_per_microbatch=self.tokens_per_microbatch,
            max_length=self.max_length,
        )
        _at_least(
            0,
            warmup_steps=self.warmup_steps,
            freeze_layers=self.freeze_layers,
            lora_rank=self.lora_rank,
            eval_every=self.eval_every,
            weight_decay=self.weight_decay,
            clip=self.clip,
            spike_factor=self.spike_factor,
            checkpoint_every=self.checkpoint_every,
            seed=self.seed,
        )
        _above_zero(learning_rate=self.learning_rate, adam_epsilon=self.adam_epsilon, lora_alpha=self.lora_alpha)
        _fraction(final_learning_rate_fraction=self.final_learning_rate_fraction)
        _decay(beta1=self.beta1, beta2=self.beta2)
        if self.newest_since is not None:
            parse_time(self.newest_since)
        if not 0 <= self.label_smoothing < 0.5:
            raise Refused(f"--label-smoothing is {self.label_smoothing}; it must be at least 0 and below 0.5.")
        if self.lora_rank and self.freeze_layers:
            raise Refused(
                f"--lora-rank {self.lora_rank} leaves all layers as they are and trains adapters on each, so "
                f"--freeze-layers {self.freeze_layers} contradicts it. Leave one of the two out."
            )


@dataclass(frozen=True, kw_only=True)
class FoldsArguments(TrainArguments):
    """`python -m rm_trainer folds`: every option of `train`, which trains each fold."""

    output: Annotated[Path, "Directory for the folds' figures; the same command goes on in it after a stop."]
    folds: Annotated[int, "Groups of labelers, each left out once. InstructGPT: 5."] = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least(2, folds=self.folds)


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
    dtype: Annotated[Precision, "Precision of the network's matrix products."] = "float32"
    bootstrap_samples: Annotated[int, "Resamples of the prompts behind the 95% intervals."] = 1000
    seed: Annotated[int, "Decides the resamples."] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least(1, tokens_per_microbatch=self.tokens_per_microbatch, bootstrap_samples=self.bootstrap_samples)
        _at_least(0, seed=self.seed)
        if self.newest_since is not None:
            parse_time(self.newest_since)
        if not 0.5 <= self.confidence < 1:
            raise Refused(f"--confidence is {self.confidence}; it must be at least 0.5 and below 1.")
        if self.max_length is not None:
            _at_least(1, max_length=self.max_length)


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
        _at_least(1, batch_size=self.batch_size)
        if self.max_length is not None:
            _at_least(1, max_length=self.max_length)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _at_least(lowest: int, **values: float) -> None:
    for name, value in values.items():
        if not value >= lowest:
            raise Refused(f"{_flag(name)} is {value}; it must be at least {lowest}.")


def _above_zero(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < float("inf"):
            raise Refused(f"{_flag(name)} is {value}; it must be a number above 0.")


def _fraction(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise Refused(f"{_flag(name)} is {value}; it must be between 0 and 1.")


def _decay(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value < 1:
            raise Refused(f"{_flag(name)} is {value}; it must be at least 0 and below 1.")
