"""Completions a second, against what transformers' own generation takes for the same.

    python -m benchmarks.sampling [--quick] [--only TEXT]

All sides have the same random weights, in the precision that is fastest here, and random tokens as prompts; every
completion is as long as asked, since no token ends it. The model's shape is that of Gemma 3 270M (with --quick a
thousand times smaller), on a GPU those of GPT-J 6B and of Yi 6B. One prompt with K completions against
`generate(num_return_sequences=K)` and against `generate_batch`, where the library has it for the model; its limits are
the time in which the weights are read from memory once a step, and that in which as much is multiplied as a step of K
rows multiplies; best of a few runs, the sides in turn. Many prompts of mixed lengths, answers of mixed lengths, against
static batches of `generate`, padded, sorted by length, of the size that is the best for an eighth of them, and against
`generate_batch`, which is given every eighth prompt: useful tokens a second, each once.
"""

import gc
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, ContinuousBatchingConfig, GenerationConfig

from benchmarks.gpu_train_step import YI_6B
from benchmarks.harness import command
from benchmarks.harness.measure import Measure, measured_on
from benchmarks.training.shape import GEMMA_3_270M, SMALL
from lm.device import fastest_dtype, find_device
from sampler.engine import Engine
from sampler.memory_budget import tokens_that_fit
from sampler.packed_layers import pack_layers
from sampler.protocol import SampleRequest
from sampler.rows import Job

K = 9
STATIC_BATCHES = {"cpu": (8, 16, 32), "cuda": (32, 64)}
GPT_J_6B = {"vocab_size": 50_400, "n_embd": 4096, "n_layer": 28, "n_head": 16, "rotary_dim": 64, "n_positions": 2048}


@dataclass(frozen=True)
class Asked:
    prompt: list[int]
    k: int
    new: int


@dataclass(frozen=True)
class Shape:
    name: str
    architecture: str
    config: dict[str, Any]
    has_generate_batch: bool = True


def shapes(device: torch.device, *, small: bool) -> list[Shape]:
    if small or device.type == "cpu":
        return [Shape("Gemma 3 270M", "gemma3_text", SMALL if small else GEMMA_3_270M)]
    # GPT-J's attention is its own, which the library's paged one does not replace.
    return [Shape("GPT-J 6B", "gptj", GPT_J_6B, has_generate_batch=False), Shape("Yi 6B", "llama", YI_6B)]


class Sides:
    """The same weights for everybody: the engine's, which on a processor are packed, and the library's."""

    def __init__(self, shape: Shape, device: torch.device) -> None:
        torch.manual_seed(0)
        self.shape, self.device = shape, device
        self.dtype = fastest_dtype(device)
        config = AutoConfig.for_model(shape.architecture, **shape.config, pad_token_id=0)
        with device:
            model: Any = AutoModelForCausalLM.from_config(config, dtype=self.dtype).eval()  # type: ignore[no-untyped-call]
        self.library = model
        packed = deepcopy(model)
        pack_layers(packed)
        room = min(200_000, tokens_that_fit(config, self.dtype, device))
        self.engine = Engine(packed, end_tokens=[], max_tokens=room)
        self.vocabulary: int = config.vocab_size
        self.weight_bytes = sum(weight.nbytes for weight in model.parameters())

    def by_engine(self, asked: Sequence[Asked]) -> float:
        """Seconds."""
        jobs = [Job(request=request_of(one), prompt=one.prompt) for one in asked]
        started = self.now()
        for job in jobs:
            self.engine.submit(job)
        while not self.engine.is_idle:
            self.engine.step()
        return self.now() - started

    @torch.inference_mode()
    def by_generate(self, asked: Sequence[Asked]) -> float:
        """One padded batch, as long as its longest; each prompt with as many rows as the largest K."""
        width = max(len(one.prompt) for one in asked)
        ids = torch.tensor([[0] * (width - len(one.prompt)) + one.prompt for one in asked], device=self.device)
        mask = torch.tensor(
            [[0] * (width - len(one.prompt)) + [1] * len(one.prompt) for one in asked], device=self.device
        )
        new = max(one.new for one in asked)
        started = self.now()
        self.library.generate(
            ids, attention_mask=mask, do_sample=True, top_k=0, max_new_tokens=new, min_new_tokens=new,
            pad_token_id=0, num_return_sequences=max(one.k for one in asked),
        )  # fmt: skip
        return self.now() - started

    def by_generate_batch(self, asked: Sequence[Asked]) -> float:
        """The library's continuous batching as `generate_batch` drives it, but that each completion, a request of its
        own, has its own length; setting up and warming up are not counted."""
        settings = GenerationConfig(do_sample=True, top_k=0, eos_token_id=-1, pad_token_id=0)  # type: ignore[no-untyped-call]
        batching = self.library.continuous_batching_context_manager(
            generation_config=settings,
            continuous_batching_config=ContinuousBatchingConfig(max_memory_percent=0.3),  # the engine's is here, too
            persistent_manager=True,
        )
        with batching as manager:
            started = self.now()
            lengths = {
                manager.add_request(one.prompt, max_new_tokens=one.new): one.new for one in asked for _ in range(one.k)
            }
            while lengths:
                result = manager.get_result(timeout=10)
                if result is None and not manager.is_running():
                    raise SystemExit("generate_batch's thread ended.")
                if result is not None and result.is_finished():
                    assert len(result.generated_tokens) == lengths.pop(result.request_id), result.error
            return self.now() - started

    def seconds_to_read_the_weights(self) -> float:
        """By adding up as many numbers as the weights are, the best of five."""
        numbers = torch.zeros(self.weight_bytes // 4, dtype=torch.float32, device=self.device)
        times = []
        for _ in range(5):
            started = self.now()
            numbers.sum()
            times.append(self.now() - started)
        return min(times)

    def seconds_to_multiply(self, rows: int) -> float:
        """By the speed of one large product of two matrices (the best of five); a pass takes each weight once a row."""
        side = 2048
        matrix = torch.randn(side, side, dtype=self.dtype, device=self.device)
        times = []
        for _ in range(5):
            started = self.now()
            matrix @ matrix
            times.append(self.now() - started)
        weights = sum(weight.numel() for weight in self.library.parameters())
        return float(min(times) * rows * weights / side**3)

    def now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def request_of(asked: Asked) -> SampleRequest:
    nothing = [{"role": "user", "content": "-"}]
    return SampleRequest(messages=nothing, num_completions=asked.k, seed=1, max_new_tokens=asked.new)  # type: ignore[arg-type]


def main(quick: bool, only: str = "") -> list[Measure]:  # noqa: FBT001  every benchmark's signature
    """Measures the rows whose name contains `only`."""
    device = find_device("auto")
    return [each for shape in shapes(device, small=quick) for each in of_shape(shape, device, only, quick=quick)]


def of_shape(shape: Shape, device: torch.device, only: str, *, quick: bool) -> list[Measure]:
    rows: list[tuple[str, Callable[[Sides], list[Measure]]]] = []
    for prompt, new in [(64, 8)] if quick else [(256, 32), (512, 32), (256, 64), (512, 64)]:
        name = f"{shape.name}: one prompt of {prompt} tokens, K={K}, {new} new"
        rows.append((name, lambda sides, name=name, prompt=prompt, new=new: one_prompt(sides, name, prompt, new)))  # type: ignore[misc]
    count = 8 if quick else 64
    name = f"{shape.name}: {count} prompts of mixed lengths"
    rows.append((name, lambda sides: many_prompts(sides, name, count, longest=80 if quick else 800)))
    wanted = [measured for name, measured in rows if only in name]
    if not wanted:
        return []
    sides = Sides(shape, device)
    found = [each for measured in wanted for each in measured(sides)]
    del sides
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        found = measured_on(torch.cuda.get_device_name(device), found)
    return found


def one_prompt(sides: Sides, name: str, prompt: int, new: int) -> list[Measure]:
    asked = [Asked(prompt=tokens(Random(prompt), prompt, sides.vocabulary), k=K, new=new)]
    ways: list[Callable[[Sequence[Asked]], float]] = [sides.by_engine, sides.by_generate]
    if sides.shape.has_generate_batch:
        ways.append(sides.by_generate_batch)
    ours, *theirs = in_turn(*[lambda way=way: way(asked) for way in ways])
    first = in_turn(lambda: sides.by_engine([Asked(asked[0].prompt, K, 1)]))[0]
    step = (ours - first) / (new - 1)
    limits = {"reading the weights": sides.seconds_to_read_the_weights(), "multiplying": sides.seconds_to_multiply(K)}
    precision = str(sides.dtype).removeprefix("torch.")
    version = f"transformers {transformers.__version__}"
    peers = [f"generate(num_return_sequences={K})", "generate_batch"]
    return [
        *(
            Measure(
                name=f"{name}, {precision}, beside {peer.partition('(')[0]}",
                value=ours,
                unit="s",
                better="less",
                peer=f"{peer}, {version}",
                peer_value=seconds,
            )
            for peer, seconds in zip(peers, theirs, strict=False)
        ),
        *(
            Measure(
                name=f"{name}: a step of {K} rows, beside {limit}",
                value=1000 * step,
                unit="ms",
                better="less",
                limit=1000 * seconds,
            )
            for limit, seconds in limits.items()
        ),
    ]


def many_prompts(sides: Sides, name: str, count: int, *, longest: int) -> list[Measure]:
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
    records = sides.device.type == "cuda"  # one pass with all that is around it, inside which nobody may look
    spent, in_passes = (sides.by_engine(asked), 0.0) if records else with_time_in_passes(sides, asked)
    print(f"{name}: {useful} tokens by the engine in {spent:.0f} s, {in_passes:.0f} s of them in passes", flush=True)
    alone = sorted(
        (Asked(one.prompt, 1, one.new) for one in asked for _ in range(one.k)),
        key=lambda one: (one.new, len(one.prompt)),
    )
    best = min(STATIC_BATCHES[sides.device.type], key=lambda size: static_seconds(sides, alone[::8], size))
    static = static_seconds(sides, alone, best)
    print(f"{name}: in static batches of {best} rows in {static:.0f} s", flush=True)
    peers = {f"static batches of {best} rows, generate": useful / static}
    if sides.shape.has_generate_batch:
        some = asked[::8]
        peers["generate_batch"] = sum(one.k * one.new for one in some) / sides.by_generate_batch(some)
    return [
        *(
            Measure(
                name=f"{name} (20 to {longest} tokens, K=4–9): useful tokens, beside {peer.partition(' of')[0]}",
                value=useful / spent, unit="tokens/s", better="more", peer=peer, peer_value=speed,
            )
            for peer, speed in peers.items()
        ),
        *([] if records else [Measure(
            name=f"{name}: the engine around its passes",
            value=100 * (spent - in_passes) / in_passes, unit="%", better="less",
        )]),
    ]  # fmt: skip


def with_time_in_passes(sides: Sides, asked: Sequence[Asked]) -> tuple[float, float]:
    """Seconds in all, and of them in the model."""
    inside = 0.0
    forward = sides.engine._network  # noqa: SLF001  what is measured

    def timed(*given: Any, **named: Any) -> Any:
        nonlocal inside
        started = sides.now()
        try:
            return forward(*given, **named)
        finally:
            inside += sides.now() - started

    sides.engine._network = timed  # type: ignore[method-assign]  # noqa: SLF001
    try:
        return sides.by_engine(asked), inside
    finally:
        sides.engine._network = forward  # type: ignore[method-assign]  # noqa: SLF001


def static_seconds(sides: Sides, alone: Sequence[Asked], rows: int) -> float:
    """Every completion a row of its own, in order of length, `rows` at a time."""
    return sum(sides.by_generate(alone[at : at + rows]) for at in range(0, len(alone), rows))


def tokens(random: Random, count: int, vocabulary: int) -> list[int]:
    return [random.randrange(1, vocabulary) for _ in range(count)]


def in_turn(*sides: Callable[[], float], runs: int = 3) -> list[float]:
    """The best of a few runs of each, one after the other."""
    times = [[side() for side in sides] for _ in range(runs)]
    return [min(of_side) for of_side in zip(*times, strict=True)]


if __name__ == "__main__":
    command.run(main)
