"""The values that any trainer of a language model takes, with their meaning, their default and the checks that they
pass.

A trainer's own arguments are a subclass. A field reads `name: Annotated[type, "what it means"] = default`, from which
`lm.training.options` makes the command line.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from lm.errors import Refused

Optimizer = Literal["adamw", "adamw8bit"]
Precision = Literal["auto", "float32", "bfloat16"]
OTHER_RUN = "holds the checkpoint of a run with other options or other data"
"""With these words a trainer refuses to go on from a checkpoint; an option that is new in this version is enough."""


@dataclass(frozen=True, kw_only=True)
class RuntimeArguments:
    """Where the network is computed; shared by every command."""

    device: Annotated[str, "auto, cpu, cuda, cuda:1, mps … auto takes a GPU where there is one."] = "auto"
    threads: Annotated[int | None, "CPU threads; absent, torch decides."] = None

    def __post_init__(self) -> None:
        if self.threads is not None:
            at_least(1, threads=self.threads)


@dataclass(frozen=True, kw_only=True)
class TrainingArguments(RuntimeArguments):
    """One run of a trainer."""

    MAY_DIFFER: ClassVar[frozenset[str]] = frozenset(
        {"output", "device", "threads", "checkpoint_every", "eval_every", "tensorboard_directory"}
    )
    """Options that may differ when a run goes on from a checkpoint."""
    WITHOUT: ClassVar[frozenset[str]] = frozenset()
    """Fields of which the command has no use: it has no such options, so that none is taken and left unused."""

    base: Annotated[
        str, "Model to start from: a directory with safetensors weights, or a Hugging Face id (owner/name@revision)."
    ]
    output: Annotated[Path, "Checkpoint directory to write; it must not exist yet, or be empty."]
    epochs: Annotated[int, "Passes over the data."] = 1
    tokens_per_microbatch: Annotated[
        int,
        "Tokens in memory at a time, a prompt's counted once for its completions; a batch's gradient doesn't depend on "
        "it. A prompt that has more is computed alone.",
    ] = 2048
    optimizer: Annotated[
        Optimizer, "adamw8bit keeps both moments in 8 bits (torchao): 10 bytes a weight in all instead of 16."
    ] = "adamw"
    learning_rate: Annotated[float, "Peak learning rate."]
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
        bool, "Keep no activations but every layer's input: less memory, about a third more time."
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
    tensorboard_directory: Annotated[
        Path | None, "Where TensorBoard's event files go; absent, into the output, and beside it until that is whole."
    ] = None
    spike_factor: Annotated[
        float, "Stop when a step's loss is this many times the usual, which is log 2 or more; 0: never."
    ] = 8.0
    checkpoint_every: Annotated[
        int, "Optimizer steps between checkpoints from which the same command goes on after a stop; 0: none."
    ] = 0
    seed: Annotated[int, "Decides every random number: fresh weights, the order of the data, the bootstrap."] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(
            1,
            epochs=self.epochs,
            tokens_per_microbatch=self.tokens_per_microbatch,
            max_length=self.max_length,
        )
        at_least(
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
        above_zero(learning_rate=self.learning_rate, adam_epsilon=self.adam_epsilon, lora_alpha=self.lora_alpha)
        fraction(final_learning_rate_fraction=self.final_learning_rate_fraction)
        decay(beta1=self.beta1, beta2=self.beta2)
        if self.lora_rank and self.freeze_layers:
            raise Refused(
                f"--lora-rank {self.lora_rank} leaves all layers as they are and trains adapters on each, so "
                f"--freeze-layers {self.freeze_layers} contradicts it. Leave one of the two out."
            )

    def of_the_run(self) -> dict[str, str]:
        """Returns the options that a run must have kept to go on from a checkpoint of its own, as text."""
        return {name: str(value) for name, value in asdict(self).items() if name not in self.MAY_DIFFER}


def at_least(lowest: int, **values: float) -> None:
    """Raises Refused for a value that is lower, or no number."""
    for name, value in values.items():
        if not value >= lowest:
            raise Refused(f"{_flag(name)} is {value}; it must be at least {lowest}.")


def above_zero(**values: float) -> None:
    """Raises Refused for a value that isn't positive and finite."""
    for name, value in values.items():
        if not 0 < value < float("inf"):
            raise Refused(f"{_flag(name)} is {value}; it must be a number above 0.")


def fraction(**values: float) -> None:
    """Raises Refused for a value outside 0 … 1."""
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise Refused(f"{_flag(name)} is {value}; it must be between 0 and 1.")


def decay(**values: float) -> None:
    """Raises Refused for a value that is no decay: 0 … 1 without 1."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise Refused(f"{_flag(name)} is {value}; it must be at least 0 and below 1.")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
