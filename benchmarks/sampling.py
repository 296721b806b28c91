"""Completions a second, against what transformers' own generation takes for the same.

    python -m benchmarks.sampling [--quick] [--only TEXT]

Both sides have the same random weights, in the precision that is fastest here, and random tokens as prompts; every
completion is as long as asked, since no token ends it. The model's shape is that of Gemma 3 270M (with --quick a
thousand times smaller). One prompt with K completions against `generate(num_return_sequences=K)`, whose limit is the
time in which the weights are read from memory once a step. Many prompts of mixed lengths, answers of mixed lengths,
against static batches of `generate`, padded, sorted by length, the best size of a few: useful tokens a second. Best of
a few runs, the sides in turn.
"""

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

from benchmarks.harness import command
from benchmarks.harness.measure import Measure
from benchmarks.training.shape import GEMMA_3_270M, SMALL
from lm.device import fastest_dtype, find_device
from sampler.engine import Engine
from sampler.packed_layers import pack_linear_layers
from sampler.protocol import SampleRequest
from sampler.rows import Job

K = 9
STATIC_BATCHES = (8, 16, 32)


@dataclass(frozen=True)
class Asked:
    prompt: list[int]
    k: int
    new: int


class Sides:
    """The same weights twice: the engine's, packed, and the library's."""

    def __init__(self, *, small: bool) -> None:
        torch.manual_seed(0)
        self.device = find_device("auto")
        self.dtype = fastest_dtype(self.device)
        shape = SMALL if small else GEMMA_3_270M
        config = AutoConfig.for_model("gemma3_text", **shape, pad_token_id=0)
        model: Any = AutoModelForCausalLM.from_config(config, dtype=self.dtype).eval().to(self.device)  # type: ignore[no-untyped-call]
        self.library = model
        packed = deepcopy(model)
        pack_linear_layers(packed)
        self.engine = Engine(packed, end_tokens=[], max_tokens=200_000)
        self.vocabulary: int = config.vocab_size
        self.weight_bytes = sum(weight.nbytes for weight in model.parameters())

    def by_engine(self, asked: Sequence[Asked]) -> float:
        """Seconds."""
        jobs = [Job(request=request_of(one), prompt=one.prompt) for one in asked]
        started = time.perf_counter()
        for job in jobs:
            self.engine.submit(job)
        while not self.engine.is_idle:
            self.engine.step()
        return time.perf_counter() - started

    @torch.inference_mode()
    def by_generate(self, asked: Sequence[Asked]) -> float:
        """One padded batch, as long as its longest; each prompt with as many rows as the largest K."""
        width = max(len(one.prompt) for one in asked)
        ids = torch.tensor([[0] * (width - len(one.prompt)) + one.prompt for one in asked], device=self.device)
        mask = torch.tensor(
            [[0] * (width - len(one.prompt)) + [1] * len(one.prompt) for one in asked], device=self.device
        )
        new = max(one.new for one in asked)
        started = time.perf_counter()
        self.library.generate(
            ids.to(self.device), attention_mask=mask, do_sample=True, top_k=0, max_new_tokens=new, min_new_tokens=new,
            pad_token_id=0, num_return_sequences=max(one.k for one in asked),
        )  # fmt: skip
        return time.perf_counter() - started

    def seconds_to_read_the_weights(self) -> float:
        """By adding up as many numbers as the weights are, the best of five."""
        numbers = torch.zeros(self.weight_bytes // 4, dtype=torch.float32, device=self.device)
        return min(_timed(numbers.sum) for _ in range(5))


def request_of(asked: Asked) -> SampleRequest:
    nothing = [{"role": "user", "content": "-"}]
    return SampleRequest(messages=nothing, num_completions=asked.k, seed=1, max_new_tokens=asked.new)  # type: ignore[arg-type]


def main(quick: bool, only: str = "") -> list[Measure]:  # noqa: FBT001  every benchmark's signature
    """Measures the rows whose name contains `only`."""
    sides = Sides(small=quick)
    rows: list[tuple[str, Callable[[], list[Measure]]]] = []
    for prompt, new in [(64, 8)] if quick else [(256, 32), (512, 32), (256, 64), (512, 64)]:
        name = f"one prompt of {prompt} tokens, K={K}, {new} new"
        rows.append((name, lambda name=name, prompt=prompt, new=new: one_prompt(sides, name, prompt, new)))  # type: ignore[misc]
    count = 8 if quick else 64
    rows.append((f"{count} prompts of mixed lengths", lambda: many_prompts(sides, count, longest=80 if quick else 800)))
    return [each for name, measured in rows if only in name for each in measured()]


def one_prompt(sides: Sides, name: str, prompt: int, new: int) -> list[Measure]:
    asked = [Asked(prompt=tokens(Random(prompt), prompt, sides.vocabulary), k=K, new=new)]
    peer = f"generate(num_return_sequences={K}), transformers {transformers.__version__}"
    ours, theirs = in_turn(lambda: sides.by_engine(asked), lambda: sides.by_generate(asked))
    first = in_turn(lambda: sides.by_engine([Asked(asked[0].prompt, K, 1)]))[0]
    step, limit = (ours - first) / (new - 1), sides.seconds_to_read_the_weights()
    precision = str(sides.dtype).removeprefix("torch.")
    return [
        Measure(name=f"{name}, {precision}", value=ours, unit="s", better="less", peer=peer, peer_value=theirs),
        Measure(name=f"a step of {K} rows, {name}", value=1000 * step, unit="ms", better="less", limit=1000 * limit),
    ]


def many_prompts(sides: Sides, count: int, *, longest: int) -> list[Measure]:
    random = Random(0)
    asked = [
        Asked(
            prompt=tokens(random, random.randint(20, longest), sides.vocabulary),
            k=random.randint(4, 9),
            new=random.randint(8, 128 if longest > 100 else 24),
        )
        for _ in range(count)
    ]
    useful = sum(one.k * one.new for one in asked)
    spent, in_passes = with_time_in_passes(sides, asked)
    static = {size: static_seconds(sides, asked, size) for size in STATIC_BATCHES}
    best = min(static, key=static.__getitem__)
    return [
        Measure(
            name=f"{count} prompts of 20 to {longest} tokens, K=4–9: useful tokens",
            value=useful / spent, unit="tokens/s", better="more",
            peer=f"static batches of {best} rows, generate", peer_value=useful / static[best],
        ),
        Measure(
            name=f"{count} prompts: the engine around its passes",
            value=100 * (spent - in_passes) / in_passes, unit="%", better="less",
        ),
    ]  # fmt: skip


def with_time_in_passes(sides: Sides, asked: Sequence[Asked]) -> tuple[float, float]:
    """Seconds in all, and of them in the model."""
    inside = 0.0
    forward = sides.engine._forward  # noqa: SLF001  what is measured

    def timed(*given: Any, **named: Any) -> Any:
        nonlocal inside
        started = time.perf_counter()
        try:
            return forward(*given, **named)
        finally:
            inside += time.perf_counter() - started

    sides.engine._forward = timed  # type: ignore[method-assign]  # noqa: SLF001
    try:
        return sides.by_engine(asked), inside
    finally:
        sides.engine._forward = forward  # type: ignore[method-assign]  # noqa: SLF001


def static_seconds(sides: Sides, asked: Sequence[Asked], rows: int) -> float:
    """Every completion a row of its own, sorted by how long it gets, `rows` at a time."""
    each = sorted(
        (Asked(one.prompt, 1, one.new) for one in asked for _ in range(one.k)),
        key=lambda one: (one.new, len(one.prompt)),
    )
    return sum(sides.by_generate(each[at : at + rows]) for at in range(0, len(each), rows))


def tokens(random: Random, count: int, vocabulary: int) -> list[int]:
    return [random.randrange(1, vocabulary) for _ in range(count)]


def in_turn(*sides: Callable[[], float], runs: int = 3) -> list[float]:
    """The best of a few runs of each, one after the other."""
    times = [[side() for side in sides] for _ in range(runs)]
    return [min(of_side) for of_side in zip(*times, strict=True)]


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    command.run(main)
