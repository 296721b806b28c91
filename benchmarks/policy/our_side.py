"""`python -m benchmarks.policy.our_side JSON`: policy_trainer's own loops. Processor seconds of all threads."""

import json
import sys
import tempfile
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import torch
from torch.nn.utils import get_total_norm

from benchmarks.policy.shape import GAMMA, Work, demonstrations, write_models
from benchmarks.training.side import peak_memory
from lm.prefix_sharing.shared_prompt import SharedPrompt
from lm.prefix_sharing.strategy import choose_strategy
from lm.prompt_format import Message
from lm.snapshot.records.demonstrations import Demonstration
from lm.snapshot.records.rankings import Ranking
from lm.training.freed_memory import keep_freed_memory
from lm.training.frozen import share_frozen
from lm.training.optimizer import make_optimizer, trainable
from lm.training.processes import ALONE
from lm.training.runtime import Runtime
from policy_trainer.arguments import DpoArguments, PpoArguments, SftArguments
from policy_trainer.dpo import dpo_steps
from policy_trainer.dpo_setup import judged
from policy_trainer.examples import example_of
from policy_trainer.maths.ema import MovingAverage
from policy_trainer.model import Policy, load_policy
from policy_trainer.networks import Networks
from policy_trainer.ppo import Draw, ppo_iterations, pretrain
from policy_trainer.ppo_setup import ppo_optimizer
from policy_trainer.ppo_step import Tally
from policy_trainer.pretraining import PretrainingText
from policy_trainer.residual_dropout import ResidualDropout
from policy_trainer.reward import RewardDoor, RewardModel, load_checked
from policy_trainer.rollout import Prompt, Rollout, Sampling, prompt_of, sample
from policy_trainer.sft import sft_steps
from rm_trainer.token_file import TokenizedRanking
from rm_trainer.usable import Remarking

PLACES: dict[str, Any] = {"data": Path(), "base": "", "output": Path()}


def sft(work: Work, policy: Policy, runtime: Runtime) -> dict[str, float]:
    """An epoch, 8 demonstrations a step."""
    made = [
        example_of(Demonstration(n, ({"role": "user", "content": prompt},), answer), policy, Remarking())
        for n, (prompt, answer) in enumerate(demonstrations(work), 1)
    ]
    examples = [one for one in made if one is not None]
    batches = [examples[start : start + 8] for start in range(0, len(examples), 8)]
    arguments = SftArguments(**PLACES, residual_dropout=0.0)
    optimizer = make_optimizer(policy.model, arguments)
    reading = choose_strategy(policy.model, runtime.device)
    loop = sft_steps(
        policy.model, optimizer, runtime, reading, ResidualDropout(policy.model, 0.0), [batches[0], *batches],
        arguments, steps=len(batches) + 1, results=[],
    )  # fmt: skip
    first = next(loop)  # sets up buffers, kernels and moments
    began = process_time()
    for _ in loop:
        pass
    tokens = sum(len(one.ids) for one in examples)
    return {"seconds": process_time() - began, "tokens": tokens, "loss": first.loss}


class Timed:
    """Whatever is called under it takes its time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def call(self, name: str, what: Any, *given: Any, **more: Any) -> Any:
        began = process_time()
        found = what(*given, **more)
        self.seconds[name] = self.seconds.get(name, 0.0) + process_time() - began
        return found


def ppo(work: Work, policy: Policy, runtime: Runtime, reward: Path) -> dict[str, float]:
    """The second iteration of two: answers, rewards and log-probabilities, one update."""
    every = prompts_of(work, policy)
    sampling = Sampling(completions=work.k, max_new_tokens=work.new)
    timed = Timed()

    def draw(iteration: int, version: int) -> list[Rollout]:
        timed.seconds.clear()
        return timed.call("rollout", sample, policy, runtime, every, sampling, seed=iteration * 100, version=version)  # type: ignore[no-any-return]

    class Door(RewardDoor):
        def rewards(self, rollouts: Sequence[Rollout]) -> list[list[float]]:
            return timed.call("scoring", super().rewards, rollouts)  # type: ignore[no-any-return]

    loaded = load_checked(reward, policy)
    return _second(work, policy, runtime, loaded, draw, Door(loaded.scorer(runtime), "lower", 0.0), timed)


def update(work: Work, policy: Policy, runtime: Runtime, reward: Path) -> dict[str, float]:
    """The second of two updates from the same answers; scoring is what the networks say of them, without rewards."""
    loaded = load_checked(reward, policy)
    sampling = Sampling(completions=work.k, max_new_tokens=work.new)
    drawn = sample(policy, runtime, prompts_of(work, policy), sampling, seed=100, version=0)
    scorer = loaded.scorer(runtime)
    rewards = RewardDoor(scorer).rewards(drawn)
    if not work.shared:
        drawn, rewards = [one for each in drawn for one in apart(each)], [[one] for own in rewards for one in own]

    timed = Timed()

    class Known(RewardDoor):
        def rewards(self, rollouts: Sequence[Rollout]) -> list[list[float]]:  # noqa: ARG002
            return rewards

    def draw(_iteration: int, version: int) -> list[Rollout]:
        timed.seconds.clear()
        return [replace(one, version=version) for one in drawn]

    return _second(work, policy, runtime, loaded, draw, Known(scorer, "lower", 0.0), timed)


def text(work: Work, policy: Policy, runtime: Runtime) -> dict[str, float]:
    """The second of two gradients of pretraining text, as an update of PPO adds it; loss and gradient of the first."""
    rows = [torch.tensor(policy.renderer.conversations.text_ids(one)) for one in work.text_rows()]
    arguments = PpoArguments(
        **PLACES, reward_model=Path(), batch=work.prompts, minibatch=work.prompts, completions=1, gamma=GAMMA,
        pretraining_examples=1,
    )  # fmt: skip
    networks, mix, tally = Networks(policy.model, None, runtime), PretrainingText(rows, "random words", seed=0), Tally()
    weights = trainable(policy.model)
    pretrain(networks, mix, arguments, tally, update=1)
    norm = get_total_norm([one.grad for one in weights if one.grad is not None]).item()
    for one in weights:
        one.grad = None
    began = process_time()
    pretrain(networks, mix, arguments, Tally(), update=2)
    return {"seconds": process_time() - began, "loss": tally.whole_loss(ALONE), "norm": norm}


def prompts_of(work: Work, policy: Policy) -> list[Prompt]:
    return [
        prompt_of(policy, n, [{"role": "user", "content": text}])
        for n, text in enumerate(work.texts(work.prompts, work.prompt, seed=1), 1)
    ]


def apart(rollout: Rollout) -> list[Rollout]:
    """The same answers, each with a prompt of its own."""
    tokens = rollout.tokens
    said = torch.split(rollout.engine_log_probs, list(tokens.completions))
    return [
        replace(
            rollout,
            tokens=SharedPrompt(ids=ids, prefix=tokens.prefix, completions=(len(ids) - tokens.prefix,)),
            engine_log_probs=said[k],
            ended=rollout.ended[k : k + 1],
            texts=rollout.texts[k : k + 1],
            seeds=rollout.seeds[k : k + 1],
        )
        for k, ids in enumerate(tokens.sequences())
    ]


def _second(
    work: Work, policy: Policy, runtime: Runtime, loaded: RewardModel, draw: Draw, door: RewardDoor, timed: Timed
) -> dict[str, float]:
    """The time of the second iteration of two; loss and gradient of the first, whose weights are everybody's."""
    value = None
    if work.advantage == "gae":
        value = deepcopy(loaded.model).requires_grad_()
        value.get_input_embeddings().requires_grad_(False)
    networks = Networks(policy.model, value, runtime)
    share_frozen(policy.model, *([] if value is None else [value]), loaded.model)
    episodes = work.prompts * work.k
    arguments = PpoArguments(
        **PLACES, reward_model=Path(), episodes=2 * episodes, batch=episodes, minibatch=episodes,
        completions=work.k if work.shared else 1, max_new_tokens=work.new, gamma=0.0, missing_end="lower",
        advantage=work.advantage,  # type: ignore[arg-type]  # one of its values
    )  # fmt: skip
    for name in ("entropies", "reference_log_probs", "values"):
        own = getattr(networks, name)
        setattr(networks, name, lambda *given, own=own: _outside(timed, own, *given))
    loop = ppo_iterations(
        networks, ppo_optimizer(networks, arguments), MovingAverage(policy.model, decay=0.992), draw, door, None,
        arguments, results=[],
    )  # fmt: skip
    first = next(loop)
    began = process_time()
    next(loop)
    whole = process_time() - began
    of_update = whole - sum(timed.seconds.values())
    return {"seconds": whole, **timed.seconds, "update": of_update, "loss": first.loss, "norm": first.norm}


def _outside(timed: Timed, own: Any, *given: Any) -> Any:
    """Values with gradients are the update's."""
    return own(*given) if torch.is_grad_enabled() else timed.call("scoring", own, *given)


def dpo(work: Work, policy: Policy, runtime: Runtime) -> dict[str, float]:
    """A ranking of K completions: what the reference says of it, and a step."""
    prompt = Message(role="user", content=work.texts(1, work.prompt, seed=1)[0])
    answers = work.texts(work.k, work.new, seed=2)
    tokens = policy.renderer.render([prompt], answers)
    ranking = Ranking(1, 1, (), tuple(range(work.k)), ("",) * work.k, tuple(range(1, work.k + 1)))
    one = TokenizedRanking(ranking, tokens)
    arguments = DpoArguments(**PLACES, warmup_steps=0)
    optimizer = make_optimizer(policy.model, arguments)
    reading = choose_strategy(policy.model, runtime.device)

    def batches() -> Any:
        while True:
            yield judged(policy, runtime, reading, [one], arguments)

    loop = dpo_steps(policy.model, optimizer, runtime, reading, batches(), arguments, steps=3, results=[])
    first = next(loop)
    began = process_time()
    next(loop)
    return {"seconds": process_time() - began, "loss": first.loss}


def main(given: dict[str, Any]) -> None:
    keep_freed_memory()  # as the command does
    work = Work(**given)
    runtime = Runtime(device=torch.device("cpu"), dtype=getattr(torch, work.dtype))
    with tempfile.TemporaryDirectory() as directory:
        base, reward = write_models(Path(directory), work.shape)
        policy = load_policy(str(base), max_length=2048)
        policy.model.get_input_embeddings().requires_grad_(False)
        if work.kind in {"ppo", "update"}:
            found = (ppo if work.kind == "ppo" else update)(work, policy, runtime, reward)
        else:
            found = {"sft": sft, "text": text, "dpo": dpo}[work.kind](work, policy, runtime)
    print(json.dumps(found | {"peak": peak_memory()}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
