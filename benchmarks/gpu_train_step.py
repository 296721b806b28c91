"""The 6b preset on one NVIDIA GPU: full fine-tuning in bfloat16, optimizer steps of 64 rankings of nine completions.

    python -m benchmarks.gpu_train_step [--quick]

Random weights of Yi-6B's shape, float32 masters, moments in 8 bits and recomputed activations, as the preset has them;
prompts of 512 tokens, completions of 128. Utilisation counts 6 FLOP a weight and unique token (2 forward, 4 backward)
and attention's products between tokens that see each other, no recomputation, over what the card can do in bfloat16.
The last row is one ranking whose nine sequences have 2,048 tokens: does it fit. Without a CUDA device it says so and
records nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from benchmarks.harness import command
from benchmarks.harness.measure import Measure, measured_on
from benchmarks.training.our_step import ARGUMENTS, tokenized_ranking
from benchmarks.training.shape import random_sequences
from lm.fused_rms_norm import fuse_rms_norms
from lm.layers import recompute_activations
from lm.prefix_sharing.attention import use_row_attention
from lm.prefix_sharing.strategy import choose_strategy
from lm.training.arguments import Optimizer
from lm.training.optimizer import make_optimizer
from lm.training.runtime import Runtime
from rm_trainer.arguments import TrainArguments
from rm_trainer.steps import StepResult
from rm_trainer.train import training_steps

YI_6B: dict[str, Any] = {
    "vocab_size": 64_000,
    "hidden_size": 4096,
    "intermediate_size": 11_008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "max_position_embeddings": 4096,
}
TINY = YI_6B | {"vocab_size": 300, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
                "num_attention_heads": 4, "num_key_value_heads": 2}  # fmt: skip
PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12}
"""Dense bfloat16, from NVIDIA's data sheets (SXM for the first three)."""
PROMPTS_AN_EPOCH = 33_000
"""InstructGPT, Table 6: the prompts that its reward model was trained on."""


@dataclass(frozen=True)
class Shape:
    config: dict[str, Any]
    rankings: int
    k: int
    prompt: int
    completion: int

    @property
    def unique_tokens(self) -> int:
        return self.prompt + self.k * self.completion


@dataclass(frozen=True)
class Step:
    """One optimizer step: seconds, and bytes of the device's memory at the worst moment (0 on a CPU)."""

    seconds: float
    peak: int


def main(quick: bool) -> list[Measure]:  # noqa: FBT001  every benchmark's signature
    """Some minutes on an 80 GB card."""
    if not torch.cuda.is_available():
        print("There is no CUDA device here, so nothing was measured.")
        return []
    device = torch.device("cuda")
    trainer = Trainer(YI_6B, device)
    shape = Shape(YI_6B, rankings=4 if quick else 64, k=9, prompt=512, completion=128)
    step = trainer.step(shape, repeats=1 if quick else 2)
    found = measures_of(shape, step, name=torch.cuda.get_device_name(device))
    longest = Shape(YI_6B, rankings=1, k=9, prompt=1024, completion=1024)
    try:
        peak = trainer.step(longest, repeats=1).peak
    except torch.cuda.OutOfMemoryError:
        print("A ranking of nine sequences of 2,048 tokens does not fit.")
        return found
    fits = "peak memory, one ranking of nine sequences of 2,048 tokens"
    return [*found, Measure(name=fits, value=peak / 2**30, unit="GiB", better="less", device=found[0].device)]


class Trainer:
    """The preset's model and optimizer on a device."""

    def __init__(self, config: dict[str, Any], device: torch.device) -> None:
        self.model = random_llama(config, device)
        self.runtime = Runtime(device=device, dtype=torch.bfloat16, keeps_casts=False)
        optimizer: Optimizer = "adamw8bit" if device.type == "cuda" else "adamw"
        self.arguments = TrainArguments(
            **ARGUMENTS, optimizer=optimizer, tokens_per_microbatch=16_384, spike_factor=0,
            final_learning_rate_fraction=1,
        )  # fmt: skip
        self.optimizer = make_optimizer(self.model, self.arguments)
        self.sharing = choose_strategy(self.model, device)

    def step(self, shape: Shape, *, repeats: int) -> Step:
        """The fastest of `repeats` steps, after one that sets up kernels and the optimizer's state."""
        ranking = tokenized_ranking(random_sequences(self.model, shape.k, shape.prompt, shape.completion))
        batches = repeat([ranking] * shape.rankings, 1 + repeats)
        loop = training_steps(
            self.model, self.optimizer, self.runtime, self.sharing, batches, self.arguments,
            steps=1 + repeats, results=[],
        )  # fmt: skip
        seconds = [self._seconds(loop) for _ in range(1 + repeats)]
        cuda = self.runtime.device.type == "cuda"
        return Step(min(seconds[1:]), torch.cuda.max_memory_allocated(self.runtime.device) if cuda else 0)

    def _seconds(self, loop: Iterator[StepResult]) -> float:
        _wait(self.runtime.device)
        began = perf_counter()
        next(loop)
        _wait(self.runtime.device)
        return perf_counter() - began


def random_llama(config: dict[str, Any], device: torch.device) -> PreTrainedModel:
    """Made on the device itself: 24 GB of random numbers would take a processor minutes."""
    torch.manual_seed(0)
    shape = AutoConfig.for_model("llama", **config, num_labels=1, pad_token_id=0)
    with torch.device(device):
        model: PreTrainedModel = AutoModelForSequenceClassification.from_config(shape).eval()  # type: ignore[no-untyped-call]
    use_row_attention(fuse_rms_norms(model))
    recompute_activations(model)
    return model


def measures_of(shape: Shape, step: Step, *, name: str) -> list[Measure]:
    rate = shape.rankings / step.seconds
    what = f"K={shape.k}, {shape.prompt}/{shape.completion} tokens"
    found = [
        Measure(name=f"prompts, {what}", value=rate, unit="prompts/s", better="more"),
        Measure(
            name=f"an epoch of {PROMPTS_AN_EPOCH:,} prompts, {what}",
            value=PROMPTS_AN_EPOCH / rate / 3600,
            unit="h",
            better="less",
        ),
        Measure(name=f"peak memory, {what}", value=step.peak / 2**30, unit="GiB", better="less"),
    ]
    peak = next((flops for card, flops in PEAK_FLOPS.items() if card in name), None)
    if peak is None:
        print(f"What {name} can do at best is not known here, so there is no utilisation.")
    else:
        used = 100 * flops_per_ranking(shape) * rate / peak
        found.append(Measure(name=f"model FLOP utilisation, {what}", value=used, unit="%", better="more"))
    return measured_on(name, found)


def flops_per_ranking(shape: Shape) -> float:
    """Forward and backward: 6 a weight of the layers and token, and three times attention's forward."""
    attention = attention_flops(shape.config, prompt=shape.prompt, completion=shape.completion, k=shape.k)
    return 6.0 * layer_weights(shape.config) * shape.unique_tokens + 3 * attention


def layer_weights(config: dict[str, Any]) -> int:
    """Those of the layers' products, of a Llama's shape."""
    width, heads = config["hidden_size"], config["num_attention_heads"]
    keys = width // heads * config["num_key_value_heads"]
    weights: int = config["num_hidden_layers"] * (
        2 * width * width + 2 * width * keys + 3 * width * config["intermediate_size"]
    )
    return weights


def attention_flops(config: dict[str, Any], *, prompt: int, completion: int, k: int) -> float:
    """Forward: 4 a head dimension and pair of tokens that see each other, of a prompt and its k completions."""
    own = k * (prompt * completion + completion * (completion + 1) / 2)
    seen = prompt * (prompt + 1) / 2 + own
    return float(4 * config["num_hidden_layers"] * config["hidden_size"] * seen)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    command.run(main)
