"""PPO of the 6b preset on one NVIDIA GPU: adapters on two networks of six billion weights, K=4, 512/128 tokens.

    python -m benchmarks.gpu_policy_step [--quick]

Random weights of Yi-6B's shape for the policy and for the reward model, which is the value function under adapters; no
answer ends by itself, so that each is as long as asked. An iteration of 256 episodes after one that compiles kernels;
then an update with the preset's pretraining text, 8 rows of 512 tokens an episode. Utilisation counts 2 FLOP a weight
and unique token for what is read, and 4 for what trains, since the weights below the adapters need no gradient;
recomputed activations are not counted. Without a CUDA device it says so and records nothing.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedModel

from benchmarks.gpu_train_step import PEAK_FLOPS, YI_6B, attention_flops, layer_weights
from benchmarks.harness import command
from benchmarks.harness.measure import Measure, measured_on
from benchmarks.policy.shape import make_tokenizer, texts
from lm.fused_rms_norm import fuse_rms_norms
from lm.layers import recompute_activations
from lm.prefix_sharing.attention import use_row_attention
from lm.rendering import Renderer
from lm.training.lora import add_adapters
from lm.training.runtime import Runtime
from policy_trainer import ppo
from policy_trainer.__main__ import presets_of
from policy_trainer.arguments import PpoArguments
from policy_trainer.maths.ema import MovingAverage
from policy_trainer.model import Policy
from policy_trainer.networks import Networks
from policy_trainer.ppo_setup import ppo_optimizer, sampling_of
from policy_trainer.pretraining import PretrainingText
from policy_trainer.reward import AT_ONCE, RewardDoor, Under
from policy_trainer.rollout import Rollout, prompt_of, sample
from rm_trainer.scorer import Scorer

PLACES: dict[str, Any] = {"data": Path(), "base": "", "output": Path(), "reward_model": Path()}
EPISODES = 256_000
"""InstructGPT, C.4."""
K = 4


@dataclass(frozen=True)
class Shape:
    config: dict[str, Any]
    batch: int = 256
    minibatch: int = 64
    prompt: int = 512
    new: int = 128
    pretraining_length: int = 512
    tokens_at_once: int = 16_384

    @property
    def unique_tokens(self) -> int:
        """Of an iteration."""
        return self.batch // K * (self.prompt + K * self.new)

    @property
    def layer_flops(self) -> float:
        """Of the layers, forward, over the unique tokens of an iteration."""
        return 2.0 * layer_weights(self.config) * self.unique_tokens + self.batch // K * attention_flops(
            self.config, prompt=self.prompt, completion=self.new, k=K
        )

    @property
    def head_flops(self) -> float:
        """Of the vocabulary, forward, over the completions' tokens."""
        return float(2 * self.config["vocab_size"] * self.config["hidden_size"] * self.batch * self.new)

    @property
    def scoring_flops(self) -> float:
        """Reward model, policy, reference and value function read everything."""
        return 4 * self.layer_flops + 2 * self.head_flops

    @property
    def update_flops(self) -> float:
        """Forward and, below adapters, backward by the states alone: twice forward. Of policy and value function."""
        return 4 * self.layer_flops + 2 * self.head_flops


class Clock:
    """Seconds by what they were spent on. What is called inside of another call counts as the outer one's."""

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device
        self._inside = False

    def now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return perf_counter()

    def timed(self, name: str, what: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            if self._inside:
                return what(*given, **more)
            self._inside, began = True, self.now()
            try:
                return what(*given, **more)
            finally:
                self._inside = False
                self.seconds[name] = self.seconds.get(name, 0.0) + self.now() - began

        return call


@dataclass
class Iteration:
    """Seconds of one, in all and by part: rollout, scoring, pretraining, and the update, which is the rest."""

    seconds: float
    parts: dict[str, float] = field(default_factory=dict)


class Trainer:
    """What `policy_trainer ppo --preset 6b` trains, made on the device itself."""

    def __init__(self, config: dict[str, Any], device: torch.device) -> None:
        given = presets_of("ppo").named_in(["--preset", "6b"])
        self.preset = dict(given)
        self.runtime = Runtime(
            device=device,
            dtype=torch.bfloat16 if device.type == "cuda" else torch.float32,
            keeps_casts=False,
        )
        tokenizer = make_tokenizer(config["vocab_size"])
        model = random_model(AutoModelForCausalLM, config, device)
        renderer = Renderer.of(model, tokenizer, max_length=2048)
        self.policy = Policy(model, renderer, (config["vocab_size"],))  # no token of it: every answer is cut
        self.reward = random_model(AutoModelForSequenceClassification, config, device).requires_grad_(
            requires_grad=False
        )
        for trained, heads in ((self.policy.model, False), (self.reward, True)):
            add_adapters(
                trained, rank=self.preset["lora_rank"], alpha=self.preset["lora_alpha"], seed=0, train_heads=heads
            )
            recompute_activations(trained)
        self.door = RewardDoor(Under(Scorer(self.reward, renderer, self.runtime, batch_size=AT_ONCE), self.reward))
        self.networks = Networks(self.policy.model, self.reward, self.runtime)

    def iteration(self, shape: Shape, *, pretraining: bool = False) -> Iteration:
        """One, with the parts of its time."""
        arguments = PpoArguments(
            **PLACES,
            **self.preset
            | {
                "batch": shape.batch, "minibatch": shape.minibatch, "completions": K, "max_new_tokens": shape.new,
                "episodes": shape.batch, "tokens_per_microbatch": shape.tokens_at_once,
                "gamma": self.preset["gamma"] if pretraining else 0.0, "spike_factor": 0,
            },
        )  # fmt: skip
        prompts = [
            prompt_of(self.policy, number, [{"role": "user", "content": text}])
            for number, text in enumerate(self._texts(shape.batch // K, shape.prompt), start=1)
        ]
        clock = Clock(self.runtime.device)

        def draw(iteration: int, version: int) -> list[Rollout]:
            sampling = sampling_of(arguments, K)
            return sample(self.policy, self.runtime, prompts, sampling, seed=iteration, version=version)

        networks = self.networks
        optimizer = ppo_optimizer(networks, arguments)
        average = MovingAverage(self.policy.model, decay=arguments.ema_decay)
        text = self._pretraining(arguments, shape) if pretraining else None
        door = RewardDoor(self.door.rewarder)
        object.__setattr__(door, "rewards", clock.timed("scoring", door.rewards))
        loop = ppo.ppo_iterations(
            networks, optimizer, average, clock.timed("rollout", draw), door, text, arguments, results=[]
        )
        with ExitStack() as patches:
            for name, timed in (("pretrain", "pretraining"), ("collect", "scoring")):
                patches.enter_context(patch.object(ppo, name, clock.timed(timed, getattr(ppo, name))))
            began = clock.now()
            next(loop)
            return Iteration(clock.now() - began, clock.seconds)

    def _texts(self, count: int, tokens: int) -> Sequence[str]:
        return texts(count, tokens, vocabulary=self.policy.renderer.vocabulary, seed=1)

    def _pretraining(self, arguments: PpoArguments, shape: Shape) -> PretrainingText:
        rows = torch.randint(
            3, self.policy.renderer.vocabulary, (256, shape.pretraining_length),
            generator=torch.Generator().manual_seed(0), dtype=torch.int32,
        )  # fmt: skip
        return PretrainingText(list(rows), "random tokens", arguments.seed)


def random_model(auto: Any, config: dict[str, Any], device: torch.device) -> PreTrainedModel:
    torch.manual_seed(0)
    shape = AutoConfig.for_model("llama", **config, num_labels=1, pad_token_id=0)
    with device:
        model: PreTrainedModel = auto.from_config(shape).eval()
    return use_row_attention(fuse_rms_norms(model))


def main(quick: bool) -> list[Measure]:  # noqa: FBT001  every benchmark's signature
    """Some minutes on an 80 GB card."""
    if not torch.cuda.is_available():
        print("There is no CUDA device here, so nothing was measured.")
        return []
    device = torch.device("cuda")
    trainer = Trainer(YI_6B, device)
    shape = Shape(YI_6B, batch=128 if quick else 256)
    smallest = replace(shape, batch=shape.minibatch)
    print("models are made; the first iteration compiles", flush=True)
    trainer.iteration(smallest)
    plain = trainer.iteration(shape)
    print(plain, flush=True)
    ptx = trainer.iteration(smallest, pretraining=True)
    print(ptx, flush=True)
    peak = torch.cuda.max_memory_allocated(device)
    return measures_of(shape, plain, ptx.parts["pretraining"], peak=peak, name=torch.cuda.get_device_name(device))


def measures_of(shape: Shape, plain: Iteration, pretraining: float, *, peak: int, name: str) -> list[Measure]:
    """`pretraining`: seconds of an update's text; `peak`: bytes."""
    what = f"K={K}, {shape.prompt}/{shape.new} tokens"
    parts = plain.parts | {"update": plain.seconds - sum(plain.parts.values())}
    with_text = plain.seconds + shape.batch / shape.minibatch * pretraining
    found = [
        Measure(name=f"an iteration of {shape.batch} episodes, {what}: {part}", value=seconds, unit="s", better="less")
        for part, seconds in parts.items()
    ]
    for kind, seconds in (("PPO", plain.seconds), ("PPO-ptx", with_text)):
        hourly = 3600 * shape.batch / seconds
        found += [
            Measure(name=f"{kind}, {what}: episodes", value=hourly, unit="episodes/h", better="more"),
            Measure(name=f"{kind}, {what}: {EPISODES:,} episodes", value=EPISODES / hourly, unit="h", better="less"),
        ]
    rate = shape.batch * shape.new / parts["rollout"]
    found += [
        Measure(name=f"rollout, {what}: tokens", value=rate, unit="tokens/s", better="more"),
        Measure(name=f"peak memory, {what}", value=peak / 2**30, unit="GiB", better="less"),
    ]
    best = next((flops for card, flops in PEAK_FLOPS.items() if card in name), None)
    if best is None:
        print(f"What {name} can do at best is not known here, so there is no utilisation.")
    else:
        found += [
            Measure(
                name=f"model FLOP utilisation, {part}, {what}", value=100 * flops / seconds / best, unit="%",
                better="more",
            )
            for part, flops, seconds in (
                ("scoring", shape.scoring_flops, parts["scoring"]),
                ("update", shape.update_flops, parts["update"]),
            )
        ]  # fmt: skip
    return measured_on(name, found)


if __name__ == "__main__":
    command.run(main)
